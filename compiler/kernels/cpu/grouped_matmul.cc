// grouped_matmul and grouped_contract: one sgemm an expert and block of rows. Blocks are of a fixed size, so that a large
// expert is shared by threads and a row's bits do not depend on how many there are.
#include <algorithm>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/kernels/cpu/gemm.h"
#include "compiler/kernels/cpu/parallel.h"
#include "compiler/kernels/cpu/routine.h"

namespace strata::compiler {
namespace {

constexpr int64_t kBlock = 256;  // rows of a result that one product makes

absl::Status CheckOffsets(const int32_t* offsets, int64_t groups, int64_t experts, int64_t rows) {
  for (int64_t g = 0; g < groups; ++g) {
    const int32_t* at = offsets + g * (experts + 1);
    for (int64_t e = 0; e < experts; ++e) {
      if (at[e] >= 0 && at[e] <= at[e + 1] && at[e + 1] <= rows) continue;
      return absl::OutOfRangeError(absl::StrCat("offsets: expert ", e, " of group ", g,
                                                " has the rows [", at[e], ", ", at[e + 1], ") of ",
                                                rows, "; they must go up within these"));
    }
  }
  return absl::OkStatus();
}

struct Block {
  int64_t expert, begin, end;  // rows of all groups
};

// The experts' blocks of all groups. Rows of no expert are cleared.
std::vector<Block> BlocksOf(const int32_t* offsets, int64_t groups, int64_t experts, int64_t rows,
                            int64_t width, float* y) {
  std::vector<Block> blocks;
  const auto clear = [&](int64_t begin, int64_t end) {
    std::fill(y + begin * width, y + end * width, 0.0f);
  };
  for (int64_t g = 0; g < groups; ++g) {
    const int32_t* at = offsets + g * (experts + 1);
    clear(g * rows, g * rows + at[0]);
    clear(g * rows + at[experts], (g + 1) * rows);
    for (int64_t e = 0; e < experts; ++e) {
      for (int64_t row = at[e]; row < at[e + 1]; row += kBlock) {
        blocks.push_back(
            {e, g * rows + row, g * rows + std::min<int64_t>(row + kBlock, at[e + 1])});
      }
    }
  }
  return blocks;
}

absl::StatusOr<RoutineFunction> PrepareMatmul(const graph::OpCall& call, int threads) {
  const std::vector<int64_t> x_dims = call.inputs[0].dims();
  const int64_t G = x_dims[0], R = x_dims[1], K = x_dims[2];
  const int64_t E = call.inputs[2].dims()[0], F = call.outputs[0].dims()[2];
  const bool turned = call.attrs().Bool("transpose_b");
  return RoutineFunction([=](void* const* buffers) -> absl::Status {
    const float *x = Buffer<float>(buffers, 0), *w = Buffer<float>(buffers, 2);
    const int32_t* offsets = Buffer<int32_t>(buffers, 1);
    float* y = Buffer<float>(buffers, 3);
    STRATA_RETURN_IF_ERROR(CheckOffsets(offsets, G, E, R));
    const std::vector<Block> blocks = BlocksOf(offsets, G, E, R, F, y);
    ParallelTasks(static_cast<int64_t>(blocks.size()), threads, [&](int64_t i) {
      const Block& block = blocks[static_cast<size_t>(i)];
      Gemm({false, turned, block.end - block.begin, F, K, x + block.begin * K, K,
            w + block.expert * K * F, turned ? K : F, y + block.begin * F, F, 0.0f});
    });
    return absl::OkStatus();
  });
}

// Rows [begin, end) of one expert's matrix, summed over its rows in all groups.
absl::StatusOr<RoutineFunction> PrepareContract(const graph::OpCall& call, int threads) {
  const std::vector<int64_t> a_dims = call.inputs[0].dims();
  const int64_t G = a_dims[0], R = a_dims[1], K = a_dims[2];
  const int64_t E = call.outputs[0].dims()[0], F = call.outputs[0].dims()[2];
  return RoutineFunction([=](void* const* buffers) -> absl::Status {
    const float *a = Buffer<float>(buffers, 0), *b = Buffer<float>(buffers, 1);
    const int32_t* offsets = Buffer<int32_t>(buffers, 2);
    float* y = Buffer<float>(buffers, 3);
    STRATA_RETURN_IF_ERROR(CheckOffsets(offsets, G, E, R));
    const int64_t blocks = (K + kBlock - 1) / kBlock;
    ParallelTasks(E * blocks, threads, [&](int64_t i) {
      const int64_t e = i / blocks, begin = i % blocks * kBlock;
      const int64_t end = std::min(begin + kBlock, K);
      float* mine = y + (e * K + begin) * F;
      std::fill_n(mine, (end - begin) * F, 0.0f);
      for (int64_t g = 0; g < G; ++g) {
        const int32_t* at = offsets + g * (E + 1) + e;
        const int64_t first = g * R + at[0], rows = at[1] - at[0];
        if (rows == 0 || F == 0) continue;
        Gemm({true, false, end - begin, F, rows, a + first * K + begin, K, b + first * F, F, mine,
              F, 1.0f});
      }
    });
    return absl::OkStatus();
  });
}

}  // namespace

std::vector<Routine> GroupedMatmulRoutines() {
  const auto reason = [](const graph::OpCall&) {
    return absl::StrCat("oneDNN sgemm of each expert's rows, by blocks of ", kBlock,
                        ": no padding");
  };
  return {{"grouped_matmul",
           [](const graph::OpCall& call) { return RequireF32(call, 1); },
           PrepareMatmul,
           reason,
           {}},
          {"grouped_contract",
           [](const graph::OpCall& call) { return RequireF32(call, 1); },
           PrepareContract,
           reason,
           {}}};
}

}  // namespace strata::compiler
