// matmul_int8: activations in f32, weights in 8 bits with a scale an output row. Decoding (a few rows) streams the
// weights once, widening 16 at a time in registers; more rows widen a block of weights into scratch for sgemm.
#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "compiler/kernels/cpu/gemm.h"
#include "compiler/kernels/cpu/parallel.h"
#include "compiler/kernels/cpu/routine.h"
#include "compiler/kernels/cpu/simd.h"

namespace strata::compiler {
namespace {

using namespace simd;  // NOLINT

constexpr int64_t kFewRows = 4;
constexpr int64_t kBlock =
    64;  // weight rows widened at a time: 64 x 2048 floats are half of an L2 cache

// One row of x against R rows of w: y[r] = scale[r] * (x · w[r]).
template <int R>
STRATA_INLINE void DotRows(const float* x, const int8_t* w, const float* scale, float* y,
                           int64_t K) {
  v16 sum[R][2] = {};
  int64_t k = 0;
  for (; k + 32 <= K; k += 32) {
    const v16 x0 = Load(x + k), x1 = Load(x + k + 16);
    for (int r = 0; r < R; ++r) {
      sum[r][0] += x0 * LoadBytes(w + r * K + k);
      sum[r][1] += x1 * LoadBytes(w + r * K + k + 16);
    }
  }
  for (int r = 0; r < R; ++r) {
    float total = Sum(sum[r][0] + sum[r][1]);
    for (int64_t i = k; i < K; ++i) total += x[i] * static_cast<float>(w[r * K + i]);
    y[r] = total * scale[r];
  }
}

STRATA_KERNEL(FewRowsInt8,
              (const float* x, const int8_t* w, const float* scale, float* y, int64_t M, int64_t N,
               int64_t K, int64_t begin, int64_t end),
              (x, w, scale, y, M, N, K, begin, end)) {
  int64_t n = begin;
  for (; n + 4 <= end; n += 4) {
    for (int64_t m = 0; m < M; ++m) DotRows<4>(x + m * K, w + n * K, scale + n, y + m * N + n, K);
  }
  for (; n < end; ++n) {
    for (int64_t m = 0; m < M; ++m) DotRows<1>(x + m * K, w + n * K, scale + n, y + m * N + n, K);
  }
}

STRATA_KERNEL(Widen, (const int8_t* w, const float* scale, float* out, int64_t rows, int64_t K),
              (w, scale, out, rows, K)) {
  for (int64_t n = 0; n < rows; ++n) {
    int64_t k = 0;
    for (; k + 16 <= K; k += 16) Store(out + n * K + k, scale[n] * LoadBytes(w + n * K + k));
    for (; k < K; ++k) out[n * K + k] = scale[n] * static_cast<float>(w[n * K + k]);
  }
}

struct Sizes {
  explicit Sizes(const graph::OpCall& call)
      : M(1), N(call.inputs[1].dims()[0]), K(call.inputs[1].dims()[1]) {
    const std::vector<int64_t> dims = call.inputs[0].dims();
    for (size_t d = 0; d + 1 < dims.size(); ++d) M *= dims[d];
  }
  int64_t M, N, K;
};

void RunBlocks(const Sizes& s, int threads, const float* x, const int8_t* w, const float* scale,
               float* scratch, float* y) {
  ParallelTasks((s.N + kBlock - 1) / kBlock, threads, [&](int64_t block) {
    const int64_t n = block * kBlock, rows = std::min(kBlock, s.N - n);
    float* wide = scratch + ThreadIndex() * kBlock * s.K;
    Widen(w + n * s.K, scale + n, wide, rows, s.K);
    Gemm({false, true, s.M, rows, s.K, x, s.K, wide, s.K, y + n, s.N, 0.0f});
  });
}

absl::StatusOr<RoutineFunction> Prepare(const graph::OpCall& call, int threads) {
  const Sizes s(call);
  auto scratch = std::make_shared<std::vector<float>>();
  if (s.M > kFewRows) scratch->resize(static_cast<size_t>(threads * kBlock * s.K));
  return RoutineFunction([s, threads, scratch](void* const* buffers) {
    const float* x = Buffer<float>(buffers, 0);
    const int8_t* w = Buffer<int8_t>(buffers, 1);
    const float* scale = Buffer<float>(buffers, 2);
    float* y = Buffer<float>(buffers, 3);
    if (s.M > kFewRows) {
      RunBlocks(s, threads, x, w, scale, scratch->data(), y);
    } else {
      ParallelFor(s.N, std::max<int64_t>(4, 32768 / (s.K + 1)), threads,
                  [&](int64_t begin, int64_t end) {
                    FewRowsInt8(x, w, scale, y, s.M, s.N, s.K, begin, end);
                  });
    }
    return absl::OkStatus();
  });
}

std::string Reason(const graph::OpCall& call) {
  const Sizes s(call);
  if (s.M > kFewRows)
    return absl::StrCat("widens ", kBlock, " weight rows at a time for oneDNN sgemm");
  return absl::StrCat("few rows: streams ", s.N * s.K, " weight bytes once; bound by memory");
}

absl::Status Supports(const graph::OpCall& call) { return RequireF32(call, 1); }

}  // namespace

std::vector<Routine> MatmulInt8Routines() {
  return {{"matmul_int8", Supports, Prepare, Reason, {}}};
}

}  // namespace strata::compiler
