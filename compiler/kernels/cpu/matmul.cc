// matmul and contract_leading: oneDNN for matrices, own kernels for a few rows (decoding), where the weights are read
// once and nothing but memory bandwidth counts.
#include <algorithm>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "compiler/kernels/cpu/conv_onednn.h"
#include "compiler/kernels/cpu/gemm.h"
#include "compiler/kernels/cpu/gemm_bf16.h"
#include "compiler/kernels/cpu/gemm_int8.h"
#include "compiler/kernels/cpu/parallel.h"
#include "compiler/kernels/cpu/routine.h"
#include "compiler/kernels/cpu/simd.h"

namespace strata::compiler {
namespace {

using namespace simd;  // NOLINT: the vocabulary of kernels

constexpr int64_t kFewRows = 4;

struct Sizes {
  int64_t L = 1, M = 0, N = 0, K = 0;  // L matrices
  bool transpose_a = false, transpose_b = false, shared_b = false;
};

Sizes SizesOf(const graph::OpCall& call) {
  Sizes s;
  const std::vector<int64_t> a = call.inputs[0].dims(), b = call.inputs[1].dims();
  if (call.node->op() == "contract_leading") {  // [R, M], [R, N]: a transposed product
    s.transpose_a = true;
    s.shared_b = true;
    s.M = a.back();
    s.N = b.back();
    s.K = 1;
    for (size_t d = 0; d + 1 < a.size(); ++d) s.K *= a[d];
    return s;
  }
  s.transpose_a = call.attrs().Bool("transpose_a");
  s.transpose_b = call.attrs().Bool("transpose_b");
  s.shared_b = b.size() == 2;
  const int64_t rows = a[a.size() - 2], columns = a[a.size() - 1];
  s.M = s.transpose_a ? columns : rows;
  s.K = s.transpose_a ? rows : columns;
  s.N = s.transpose_b ? b[b.size() - 2] : b[b.size() - 1];
  for (size_t d = 0; d + 2 < a.size(); ++d) s.L *= a[d];
  if (s.shared_b && !s.transpose_a) {  // all rows of the batch against one b
    s.M *= s.L;
    s.L = 1;
  }
  return s;
}

// y[m, n] = x[m, :] · b[n, :] for n of [begin, end), rows x of a few.
STRATA_KERNEL(FewRowsTransposed,
              (const float* x, const float* b, float* y, int64_t M, int64_t N, int64_t K,
               int64_t begin, int64_t end),
              (x, b, y, M, N, K, begin, end)) {
  for (int64_t n = begin; n < end; ++n) {
    for (int64_t m = 0; m < M; ++m) y[m * N + n] = Dot(x + m * K, b + n * K, K);
  }
}

// y[m, n] = sum over k of x[m, k] b[k, n] for 64 columns from n on, which stay in registers.
template <int M>
STRATA_INLINE void SixtyFourColumns(const float* x, const float* b, float* y, int64_t N, int64_t K,
                                    int64_t n) {
  v16 sum[M][4] = {};
  for (int64_t k = 0; k < K; ++k) {
    const float* row = b + k * N + n;
    const v16 part[4] = {Load(row), Load(row + 16), Load(row + 32), Load(row + 48)};
#pragma GCC unroll 4
    for (int m = 0; m < M; ++m) {
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) sum[m][i] += x[m * K + k] * part[i];
    }
  }
#pragma GCC unroll 4
  for (int m = 0; m < M; ++m) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) Store(y + m * N + n + 16 * i, sum[m][i]);
  }
}

STRATA_KERNEL(FewRows,
              (const float* x, const float* b, float* y, int64_t M, int64_t N, int64_t K,
               int64_t begin, int64_t end),
              (x, b, y, M, N, K, begin, end)) {
  int64_t n = begin;
  for (; n + 64 <= end; n += 64) {
    if (M == 1) SixtyFourColumns<1>(x, b, y, N, K, n);
    if (M == 2) SixtyFourColumns<2>(x, b, y, N, K, n);
    if (M == 3) SixtyFourColumns<3>(x, b, y, N, K, n);
    if (M == 4) SixtyFourColumns<4>(x, b, y, N, K, n);
  }
  for (; n < end; ++n) {
    for (int64_t m = 0; m < M; ++m) {
      float sum = 0;
      for (int64_t k = 0; k < K; ++k) sum += x[m * K + k] * b[k * N + n];
      y[m * N + n] = sum;
    }
  }
}

// The columns of 64 that one task does: enough bytes to be worth it, few enough to share.
void RunFewRows(const Sizes& s, int threads, const float* a, const float* b, float* y) {
  if (s.transpose_b) {
    ParallelFor(
        s.N, std::max<int64_t>(1, 16384 / (s.K + 1)), threads,
        [&](int64_t begin, int64_t end) { FewRowsTransposed(a, b, y, s.M, s.N, s.K, begin, end); });
    return;
  }
  const int64_t blocks = (s.N + 63) / 64;
  ParallelFor(blocks, std::max<int64_t>(1, 256 / (s.K + 1)), threads,
              [&](int64_t begin, int64_t end) {
                FewRows(a, b, y, s.M, s.N, s.K, 64 * begin, std::min(64 * end, s.N));
              });
}

void RunOne(const Sizes& s, const float* a, const float* b, float* y) {
  Gemm({s.transpose_a, s.transpose_b, s.M, s.N, s.K, a, s.transpose_a ? s.M : s.K, b,
        s.transpose_b ? s.K : s.N, y, s.N, 0.0f});
}

void Run(const Sizes& s, int threads, const float* a, const float* b, float* y) {
  if (s.L == 1 && s.M > 0 && s.M <= kFewRows && !s.transpose_a && s.N >= 16 && s.K > 0) {
    RunFewRows(s, threads, a, b, y);
    return;
  }
  const auto one = [&](int64_t l) {
    RunOne(s, a + l * s.M * s.K, b + (s.shared_b ? 0 : l * s.K * s.N), y + l * s.M * s.N);
  };
  if (s.L >= threads && threads > 1) {
    ParallelTasks(s.L, threads, one);
  } else {
    for (int64_t l = 0; l < s.L; ++l) one(l);
  }
}

bool IsBf16(const graph::OpCall& call) {
  return call.inputs[0].dtype == chips::BF16 && call.inputs[1].dtype == chips::BF16 &&
         call.outputs[0].dtype == chips::F32;
}

// The matrices of a batch one after the other, each on all threads.
RoutineFunction PrepareBf16(const Sizes& s, int threads) {
  std::shared_ptr<Bf16Gemm> gemm =
      Bf16Gemm::Create({s.transpose_a, s.transpose_b, s.M, s.N, s.K}, threads);
  return [s, gemm](void* const* buffers) -> absl::Status {
    const uint16_t *a = Buffer<uint16_t>(buffers, 0), *b = Buffer<uint16_t>(buffers, 1);
    float* y = Buffer<float>(buffers, 2);
    for (int64_t l = 0; l < s.L; ++l) {
      STRATA_RETURN_IF_ERROR(
          gemm->Run(a + l * s.M * s.K, b + (s.shared_b ? 0 : l * s.K * s.N), y + l * s.M * s.N));
    }
    return absl::OkStatus();
  };
}

bool IsInt8(const graph::OpCall& call) { return call.inputs[0].dtype == chips::I8; }

// As PrepareBf16.
RoutineFunction PrepareInt8(const Sizes& s, int threads) {
  return [s, threads](void* const* buffers) {
    const int8_t *a = Buffer<int8_t>(buffers, 0), *b = Buffer<int8_t>(buffers, 1);
    int32_t* y = Buffer<int32_t>(buffers, 2);
    for (int64_t l = 0; l < s.L; ++l) {
      GemmInt8({s.transpose_a, s.transpose_b, s.M, s.N, s.K, a + l * s.M * s.K,
                b + (s.shared_b ? 0 : l * s.K * s.N), y + l * s.M * s.N},
               threads);
    }
    return absl::OkStatus();
  };
}

absl::StatusOr<RoutineFunction> Prepare(const graph::OpCall& call, int threads) {
  if (IsInt8(call)) return PrepareInt8(SizesOf(call), threads);
  if (IsBf16(call)) return PrepareBf16(SizesOf(call), threads);
  return RoutineFunction([s = SizesOf(call), threads](void* const* buffers) {
    Run(s, threads, Buffer<float>(buffers, 0), Buffer<float>(buffers, 1),
        Buffer<float>(buffers, 2));
    return absl::OkStatus();
  });
}

std::string Reason(const graph::OpCall& call) {
  const Sizes s = SizesOf(call);
  const std::string product =
      absl::StrCat("2 x ", s.M, " x ", s.K, " x ", s.N, s.L > 1 ? absl::StrCat(" x ", s.L) : "");
  if (IsBf16(call)) {
    return absl::StrCat(HasBf16Gemm() ? "oneDNN bf16 matmul, sums in f32: "
                                      : "widened to f32 for oneDNN sgemm (no bf16 arithmetic): ",
                        product, " flops");
  }
  if (IsInt8(call)) {
    return absl::StrCat(HasInt8DotProducts() ? "oneDNN i8 products, exact i32 sums: "
                                             : "plain loops, exact i32 sums (no VNNI): ",
                        product, " flops");
  }
  if (s.L == 1 && s.M <= kFewRows && !s.transpose_a) {
    return absl::StrCat("few rows: streams the weights once, ", product, " flops; bound by memory");
  }
  return absl::StrCat("oneDNN sgemm: ", product, " flops");
}

}  // namespace

std::vector<Routine> MatmulRoutines() {
  const auto supports = [](const graph::OpCall& call) -> absl::Status {
    if (IsBf16(call) || IsInt8(call)) return absl::OkStatus();
    STRATA_RETURN_IF_ERROR(RequireF32(call, 2));
    if (call.outputs[0].dtype == chips::F32) return absl::OkStatus();
    return absl::UnimplementedError(absl::StrCat("the CPU library's ", call.node->op(),
                                                 " of f32 gives f32, not ",
                                                 call.outputs[0].ToString()));
  };
  return {{"matmul", supports, Prepare, Reason, {}},
          {"contract_leading", supports, Prepare, Reason, {}}};
}

}  // namespace strata::compiler
