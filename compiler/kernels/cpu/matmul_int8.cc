// matmul_int8: activations in f32, weights in 8 bits with a scale an output row. Decoding (a few rows) streams the
// weights once; more rows widen a block of weights into scratch for sgemm. For a few rows, two ways:
//   float: widen 16 weights at a time to floats. Three instructions a 16 weights, more than memory needs time.
//   fixed point, with AVX-512 VNNI: x = unit (hi + lo / 2^15), hi and lo in 16 bits, so that 31 bits of x remain (a
//     float has 24); 32 weights are widened to 16 bits and multiplied and added up by two integer instructions.
#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/kernels/cpu/gemm.h"
#include "compiler/kernels/cpu/parallel.h"
#include "compiler/kernels/cpu/routine.h"
#include "compiler/kernels/cpu/simd.h"

namespace strata::compiler {
namespace {

using namespace simd;  // NOLINT

constexpr int64_t kFewRows = 4;
// Weight rows widened at a time: 64 x 2048 floats are half of an L2 cache.
constexpr int64_t kBlock = 64;

// One row of x against R rows of w: y[r] = scale[r] * (x · w[r]).
template <bool kWide, int R>
STRATA_INLINE void DotRows(const float* x, const int8_t* w, const float* scale, float* y,
                           int64_t K) {
  v16 sum[R][2] = {};
  int64_t k = 0;
  for (; k + 32 <= K; k += 32) {
    const v16 x0 = Load(x + k), x1 = Load(x + k + 16);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      sum[r][0] += x0 * LoadBytes<kWide>(w + r * K + k);
      sum[r][1] += x1 * LoadBytes<kWide>(w + r * K + k + 16);
    }
  }
#pragma GCC unroll 8
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
    for (int64_t m = 0; m < M; ++m)
      DotRows<kWide, 4>(x + m * K, w + n * K, scale + n, y + m * N + n, K);
  }
  for (; n < end; ++n) {
    for (int64_t m = 0; m < M; ++m)
      DotRows<kWide, 1>(x + m * K, w + n * K, scale + n, y + m * N + n, K);
  }
}

#if defined(__x86_64__)
typedef int32_t i32x16 __attribute__((vector_size(64)));
typedef int16_t i16x32 __attribute__((vector_size(64)));

STRATA_INLINE i16x32 Load16(const int16_t* p) {
  i16x32 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

// 32 weights as 16-bit integers.
STRATA_INLINE i16x32 WidenTo16(const int8_t* p) {
  i16x32 v;
  __asm__("vpmovsxbw %1, %0" : "=v"(v) : "m"(*reinterpret_cast<const int8_t(*)[32]>(p)));
  return v;
}

// sum + pairs of a[i] b[i] + a[i + 1] b[i + 1]
STRATA_INLINE i32x16 AddProducts(i32x16 sum, i16x32 a, i16x32 b) {
  __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
  return sum;
}

// A product is below 2^15 * 2^7, a lane adds two of them a step: 2^31 is far for this many elements of x.
constexpr int64_t kExactColumns = 4096;

// unit * (hi + lo / 2^15) · w over K elements, a multiple of 32. One row after the other, so that memory is read in one
// sweep; the line 2 KiB ahead is asked for, as rows are short for the hardware to foresee.
STRATA_INLINE float DotFixed(const int16_t* hi, const int16_t* lo, float unit, const int8_t* w,
                             int64_t K) {
  v16 total = {};
  for (int64_t k0 = 0; k0 < K; k0 += kExactColumns) {
    // Named one by one: an array of them would live in memory.
    i32x16 high0 = {}, high1 = {}, low0 = {}, low1 = {};
    const int64_t end = std::min(k0 + kExactColumns, K);
    int64_t k = k0;
    for (; k + 64 <= end; k += 64) {
      __builtin_prefetch(w + k + 2048);
      const i16x32 w0 = WidenTo16(w + k), w1 = WidenTo16(w + k + 32);
      high0 = AddProducts(high0, Load16(hi + k), w0);
      low0 = AddProducts(low0, Load16(lo + k), w0);
      high1 = AddProducts(high1, Load16(hi + k + 32), w1);
      low1 = AddProducts(low1, Load16(lo + k + 32), w1);
    }
    if (k < end) {
      const i16x32 w0 = WidenTo16(w + k);
      high0 = AddProducts(high0, Load16(hi + k), w0);
      low0 = AddProducts(low0, Load16(lo + k), w0);
    }
    const v16 wholes = __builtin_convertvector(high0, v16) + __builtin_convertvector(high1, v16);
    const v16 parts = __builtin_convertvector(low0, v16) + __builtin_convertvector(low1, v16);
    total += wholes + parts * (1.0f / 32768);
  }
  return Sum(total) * unit;
}

// x is `hi` and `lo` [K]; the columns beyond the last 32 come as floats.
STRATA_TARGET_AVX512 void FewRowsFixed(const float* x, const int16_t* hi, const int16_t* lo,
                                       float unit, const int8_t* w, const float* scale, float* y,
                                       int64_t K, int64_t begin, int64_t end) {
  const int64_t whole = K / 32 * 32;
  for (int64_t n = begin; n < end; ++n) {
    float sum = DotFixed(hi, lo, unit, w + n * K, whole);
    for (int64_t k = whole; k < K; ++k) sum += x[k] * static_cast<float>(w[n * K + k]);
    y[n] = sum * scale[n];
  }
}

bool HasFixedPoint() {
  static const bool has = HostIsa() == Isa::kAvx512 && __builtin_cpu_supports("avx512vnni");
  return has;
}
#else
bool HasFixedPoint() { return false; }
#endif

// A row of x in fixed point.
struct FixedRow {
  std::vector<int16_t> hi, lo;
  float unit = 0;

  // False when x is not finite: floats carry infinities and NaN to where they belong.
  bool Set(const float* x, int64_t K) {
    float largest = 0;
    for (int64_t k = 0; k < K; ++k) largest = std::max(largest, std::abs(x[k]));
    bool finite = std::isfinite(largest);
    for (int64_t k = 0; k < K; ++k) finite = finite && x[k] == x[k];
    if (!finite || (largest != 0 && largest < 1e-30f)) return false;
    unit = largest == 0 ? 1.0f : largest / 32000.0f;
    const float inverse = 1.0f / unit;
    hi.resize(static_cast<size_t>(K));
    lo.resize(static_cast<size_t>(K));
    for (int64_t k = 0; k < K; ++k) {
      const float scaled = x[k] * inverse;
      const float whole = std::nearbyint(scaled);
      hi[static_cast<size_t>(k)] = static_cast<int16_t>(whole);
      lo[static_cast<size_t>(k)] =
          static_cast<int16_t>(std::nearbyint((scaled - whole) * 32768.0f));
    }
    return true;
  }
};

STRATA_KERNEL(Widen, (const int8_t* w, const float* scale, float* out, int64_t rows, int64_t K),
              (w, scale, out, rows, K)) {
  for (int64_t n = 0; n < rows; ++n) {
    int64_t k = 0;
    for (; k + 16 <= K; k += 16) Store(out + n * K + k, scale[n] * LoadBytes<kWide>(w + n * K + k));
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

// Each row of x by itself: the rows of a few share what the cache holds of the weights.
void RunFewRows(const Sizes& s, int threads, const float* x, const int8_t* w, const float* scale,
                FixedRow* rows, float* y) {
  bool fixed = HasFixedPoint();
  for (int64_t m = 0; m < s.M && fixed; ++m) fixed = rows[m].Set(x + m * s.K, s.K);
  // Output rows whose weights stay in the L1 cache for all rows of x.
  constexpr int64_t kTogether = 16;
  ParallelFor(s.N, std::max<int64_t>(4, 32768 / (s.K + 1)), threads,
              [&](int64_t begin, int64_t end) {
                if (!fixed) return FewRowsInt8(x, w, scale, y, s.M, s.N, s.K, begin, end);
#if defined(__x86_64__)
                for (int64_t n = begin; n < end; n += kTogether) {
                  for (int64_t m = 0; m < s.M; ++m) {
                    FewRowsFixed(x + m * s.K, rows[m].hi.data(), rows[m].lo.data(), rows[m].unit, w,
                                 scale, y + m * s.N, s.K, n, std::min(n + kTogether, end));
                  }
                }
#endif
              });
}

absl::StatusOr<RoutineFunction> Prepare(const graph::OpCall& call, int threads) {
  const Sizes s(call);
  auto scratch = std::make_shared<std::vector<float>>();
  if (s.M > kFewRows) scratch->resize(static_cast<size_t>(threads * kBlock * s.K));
  auto rows = std::make_shared<std::vector<FixedRow>>(static_cast<size_t>(kFewRows));
  return RoutineFunction([s, threads, scratch, rows](void* const* buffers) {
    const float* x = Buffer<float>(buffers, 0);
    const int8_t* w = Buffer<int8_t>(buffers, 1);
    const float* scale = Buffer<float>(buffers, 2);
    float* y = Buffer<float>(buffers, 3);
    if (s.M > kFewRows) {
      RunBlocks(s, threads, x, w, scale, scratch->data(), y);
    } else {
      RunFewRows(s, threads, x, w, scale, rows->data(), y);
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
