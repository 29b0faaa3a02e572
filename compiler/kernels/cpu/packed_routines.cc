// matmul_packed(_group), matmul_experts, embedding_packed: the ops on weights in files' formats, by packed_product.h.
#include <algorithm>
#include <functional>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "chips/numerics/packed_rows.h"
#include "chips/numerics/weight_format.h"
#include "compiler/kernels/cpu/packed_product.h"
#include "compiler/kernels/cpu/parallel.h"
#include "compiler/kernels/cpu/routine.h"

namespace strata::compiler {
namespace {

using chips::WeightFormat;

// What the attributes say; the op's inference has checked them.
const WeightFormat& FormatOf(const graph::OpCall& call) {
  return **chips::FindWeightFormat(call.attrs().String("format"));
}
bool IsRows16(const graph::OpCall& call) { return call.attrs().String("layout") == "rows16"; }

// How many rows x has: its leading dims.
int64_t RowsOf(const graph::OpCall& call) {
  const std::vector<int64_t> dims = call.inputs[0].dims();
  return std::accumulate(dims.begin(), dims.end() - 1, int64_t{1}, std::multiplies<int64_t>());
}

// One matrix or several for the rows of x: inputs x, w...; as many outputs as w.
absl::StatusOr<RoutineFunction> PrepareMatmul(const graph::OpCall& call, int threads) {
  const int64_t K = call.inputs[0].dims().back(), M = RowsOf(call);
  const size_t matrices = call.outputs.size();
  std::vector<int64_t> N;
  for (const graph::TensorType& y : call.outputs) N.push_back(y.dims().back());
  const PackedProduct product(FormatOf(call), IsRows16(call), K, threads);
  return RoutineFunction([=](void* const* buffers) {
    const size_t rows = static_cast<size_t>(M);
    std::vector<const float*> x(rows);
    std::vector<float*> y(rows * matrices);
    std::vector<PackedPart> parts;
    for (size_t m = 0; m < rows; ++m)
      x[m] = Buffer<float>(buffers, 0) + static_cast<int64_t>(m) * K;
    for (size_t i = 0; i < matrices; ++i) {
      float** to = y.data() + i * rows;
      for (size_t m = 0; m < rows; ++m)
        to[m] = Buffer<float>(buffers, 1 + matrices + i) + static_cast<int64_t>(m) * N[i];
      parts.push_back({Buffer<uint8_t>(buffers, 1 + i), N[i], 0, M, to});
    }
    product.Run(parts, x);
    return absl::OkStatus();
  });
}

absl::Status CheckIds(const int32_t* ids, int64_t count, int64_t below, const char* what) {
  for (int64_t i = 0; i < count; ++i) {
    if (ids[i] >= 0 && ids[i] < below) continue;
    return absl::OutOfRangeError(
        absl::StrCat("ids: element ", i, " is ", ids[i], "; ", what, " [0, ", below, ")"));
  }
  return absl::OkStatus();
}

struct ExpertSizes {
  explicit ExpertSizes(const graph::OpCall& call)
      : J(call.inputs[2].dims()[1]),
        ids(call.inputs[2].elements()),
        experts(call.inputs[1].dims()[0]),
        bytes(call.inputs[1].dims()[1] * call.inputs[1].dims()[2]),
        N(call.attrs().Int("n")),
        K(call.inputs[0].dims()[2]),
        shared(call.inputs[0].dims()[1] == 1) {}
  int64_t J, ids, experts, bytes, N, K;
  bool shared;  // x is the same for all j
};

absl::StatusOr<RoutineFunction> PrepareExperts(const graph::OpCall& call, int threads) {
  const ExpertSizes s(call);
  const PackedProduct product(FormatOf(call), IsRows16(call), s.K, threads);
  return RoutineFunction([s, product](void* const* buffers) -> absl::Status {
    const int32_t* ids = Buffer<int32_t>(buffers, 2);
    STRATA_RETURN_IF_ERROR(CheckIds(ids, s.ids, s.experts, "there are matrices"));
    // Rows in the order of their experts.
    std::vector<int64_t> order(static_cast<size_t>(s.ids));
    std::iota(order.begin(), order.end(), int64_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t a, int64_t b) { return ids[a] < ids[b]; });
    std::vector<PackedPart> parts;
    std::vector<const float*> x;
    std::vector<float*> y;
    for (size_t i = 0; i < order.size(); ++i) {
      x.push_back(Buffer<float>(buffers, 0) + (s.shared ? order[i] / s.J : order[i]) * s.K);
      y.push_back(Buffer<float>(buffers, 3) + order[i] * s.N);
    }
    for (size_t i = 0; i < order.size(); ++i) {
      if (i == 0 || ids[order[i]] != ids[order[i - 1]]) {
        parts.push_back({Buffer<uint8_t>(buffers, 1) + ids[order[i]] * s.bytes, s.N,
                         static_cast<int64_t>(i), 0, y.data()});
      }
      ++parts.back().count;
    }
    product.Run(parts, x);
    return absl::OkStatus();
  });
}

absl::StatusOr<RoutineFunction> PrepareEmbedding(const graph::OpCall& call, int threads) {
  const WeightFormat& format = FormatOf(call);
  const int64_t rows = call.inputs[0].dims()[0], bytes = call.inputs[0].dims()[1];
  const int64_t count = call.inputs[1].elements(), K = call.attrs().Int("k");
  return RoutineFunction([=, &format](void* const* buffers) -> absl::Status {
    const int32_t* ids = Buffer<int32_t>(buffers, 1);
    STRATA_RETURN_IF_ERROR(CheckIds(ids, count, rows, "the table has rows"));
    ParallelFor(count, std::max<int64_t>(1, 16384 / (K + 1)), threads,
                [&](int64_t begin, int64_t end) {
                  for (int64_t i = begin; i < end; ++i) {
                    chips::DecodeRow(format, Buffer<uint8_t>(buffers, 0) + ids[i] * bytes, K,
                                     Buffer<float>(buffers, 2) + i * K);
                  }
                });
    return absl::OkStatus();
  });
}

// How many rows of x a matrix meets, at most: experts share them.
int64_t RowsOfMatrix(const graph::OpCall& call) {
  const std::vector<int64_t> y = call.outputs[0].dims();
  return std::accumulate(y.begin(), y.end() - 1, int64_t{1}, std::multiplies<int64_t>());
}

std::string Reason(const graph::OpCall& call) {
  const WeightFormat& format = FormatOf(call);
  const int64_t K = call.inputs[0].dims().back(), M = RowsOfMatrix(call);
  const int64_t tiles = (M + kPackedTileRows - 1) / kPackedTileRows;
  const int64_t rows = tiles == 0 ? 0 : (M + tiles - 1) / tiles;
  const PackedKernel& kernel = BestPackedKernel(chips::LayoutOf(format));
  // About as many rows as take as long to multiply as memory takes to bring the weights, on today's CPUs.
  const bool codes = format.activations == chips::Activations::kQ8;
  const bool compute = static_cast<double>(M) > (codes ? format.BitsPerWeight() : 13);
  std::vector<int64_t> N;
  for (const graph::TensorType& y : call.outputs) N.push_back(y.dims().back());
  return absl::StrCat(
      format.name, " weights ",
      IsRows16(call) ? "in groups of 16 rows" : "as in the file, packed as they are read", ": 16x",
      rows, " tile of ", kernel.name, ", ", M, " x ", K, " x ", absl::StrJoin(N, " + "),
      compute ? "; bound by compute" : "; bound by memory");
}

absl::Status Supports(const graph::OpCall&) { return absl::OkStatus(); }

}  // namespace

std::vector<Routine> PackedRoutines() {
  return {{"matmul_packed", Supports, PrepareMatmul, Reason, {}},
          {"matmul_packed_group", Supports, PrepareMatmul, Reason, {}},
          {"matmul_experts", Supports, PrepareExperts, Reason, {}},
          {"embedding_packed",
           Supports,
           PrepareEmbedding,
           [](const graph::OpCall& call) {
             return absl::StrCat("decodes one row of ", FormatOf(call).name, " an id");
           },
           {}}};
}

}  // namespace strata::compiler
