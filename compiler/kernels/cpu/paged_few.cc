// Few queries: a block's keys are turned 16 at a time, in a buffer that stays in the nearest cache, and values are widened
// on their way into the sums. The same numbers in the same order as Scores and Mix.
#include "compiler/kernels/cpu/paged_blocks.h"
#include "compiler/kernels/cpu/paged_widen.h"

namespace strata::compiler {
namespace {

using namespace simd;  // NOLINT

constexpr int64_t kN = kKeyBlock;

template <typename T>
constexpr int64_t kLine = static_cast<int64_t>(64 / sizeof(T));  // elements of a cache line

// s [R, 16 of 64] = q [R, D] times 16 turned keys [D, 16].
template <int R>
STRATA_INLINE void ScoreRows(const float* q, const float* keys, int64_t D, float* s) {
  v16 sum[R];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) sum[r] = v16{};
  for (int64_t d = 0; d < D; ++d) {
    const v16 x = Load(keys + 16 * d);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) sum[r] += q[r * D + d] * x;
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) Store(s + r * kN, sum[r]);
}

template <bool kWide, typename T>
STRATA_INLINE void FewScoresOf(const QueryBlock& x, const CacheHead& cache, const int32_t* slots,
                               const int32_t* next, float* scratch, float* s) {
  const T *rows[kN], *ahead[kN];
  float scales[kN];
  if (!FindRows(cache, slots, rows, scales)) return;
  FindAhead(cache, next, rows, ahead);
  for (int64_t j = 0; j < kN; j += 16) {
    if (!AnyOf16(slots + j)) continue;
    TurnWholeKeys<kWide>(rows + j, scales + j, x.D, scratch, 16);
    for (int64_t i = j; i < j + 16; ++i) {
      for (int64_t d = 0; d < x.D; d += kLine<T>) __builtin_prefetch(ahead[i] + d);
    }
    int64_t i = 0;
    for (; i + 8 <= x.count; i += 8) ScoreRows<8>(x.q + i * x.D, scratch, x.D, s + i * kN + j);
    for (; i + 4 <= x.count; i += 4) ScoreRows<4>(x.q + i * x.D, scratch, x.D, s + i * kN + j);
    for (; i < x.count; ++i) ScoreRows<1>(x.q + i * x.D, scratch, x.D, s + i * kN + j);
  }
}

// Values of keys [begin, end), elements [d, d + 16 V) of them, into R queries.
template <bool kWide, int R, int V, typename T>
STRATA_INLINE void MixRows(const T* const* rows, const T* const* ahead, const float* scales,
                           const float* s, int64_t d, int64_t width, int64_t begin, int64_t end,
                           float* out, int64_t P) {
  v16 sum[R][V];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) sum[r][v] = Load(out + r * P + d + 16 * v);
  }
  for (int64_t k = begin; k < end; ++k) {
    v16 x[V];
    for (int64_t e = 0; e < 16 * V; e += kLine<T>) __builtin_prefetch(ahead[k] + d + e);
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) {
      const T* from = rows[k] + d + 16 * v;
      x[v] = d + 16 * V <= width ? Widen<kWide>(from) : WidenPart<kWide>(from, width - d - 16 * v);
      if constexpr (sizeof(T) == 1) x[v] *= scales[k];
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const float factor = s[r * kN + k];
#pragma GCC unroll 2
      for (int v = 0; v < V; ++v) sum[r][v] += factor * x[v];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < V; ++v) Store(out + r * P + d + 16 * v, sum[r][v]);
  }
}

template <bool kWide, int R, typename T>
STRATA_INLINE void MixKeys(const T* const* rows, const T* const* ahead, const float* scales,
                           const float* s, int64_t width, int64_t begin, int64_t end, float* out,
                           int64_t P) {
  int64_t d = 0;
  for (; d + 32 <= P; d += 32)
    MixRows<kWide, R, 2>(rows, ahead, scales, s, d, width, begin, end, out, P);
  if (d < P) MixRows<kWide, R, 1>(rows, ahead, scales, s, d, width, begin, end, out, P);
}

// R queries: keys that all of them see are mixed in for all at once; those before and behind them by query.
template <bool kWide, int R, typename T>
STRATA_INLINE void MixGroup(const QueryBlock& x, int64_t i, const T* const* rows,
                            const T* const* ahead, const float* scales, int64_t width,
                            const float* s) {
  int64_t begin = 0, end = kN;
  for (int64_t r = i; r < i + R; ++r) {
    begin = x.ranges[r].begin > begin ? x.ranges[r].begin : begin;
    end = x.ranges[r].end < end ? x.ranges[r].end : end;
  }
  const bool shared = begin < end;
  for (int64_t r = i; r < i + R; ++r) {
    const KeyRange own = x.ranges[r];
    const int64_t stop = shared ? begin : own.end;
    if (own.begin < stop)
      MixKeys<kWide, 1>(rows, ahead, scales, s + r * kN, width, own.begin, stop, x.out + r * x.P,
                        x.P);
  }
  if (!shared) return;
  MixKeys<kWide, R>(rows, ahead, scales, s + i * kN, width, begin, end, x.out + i * x.P, x.P);
  for (int64_t r = i; r < i + R; ++r) {
    if (x.ranges[r].end > end)
      MixKeys<kWide, 1>(rows, ahead, scales, s + r * kN, width, end, x.ranges[r].end,
                        x.out + r * x.P, x.P);
  }
}

template <bool kWide, typename T>
STRATA_INLINE void FewMixOf(const QueryBlock& x, const float* s, const CacheHead& cache,
                            const int32_t* slots, const int32_t* next) {
  const T *rows[kN], *ahead[kN];
  float scales[kN];
  if (!FindRows(cache, slots, rows, scales)) return;
  FindAhead(cache, next, rows, ahead);
  int64_t i = 0;
  for (; i + 8 <= x.count; i += 8) MixGroup<kWide, 8>(x, i, rows, ahead, scales, cache.width, s);
  for (; i + 4 <= x.count; i += 4) MixGroup<kWide, 4>(x, i, rows, ahead, scales, cache.width, s);
  for (; i < x.count; ++i) MixGroup<kWide, 1>(x, i, rows, ahead, scales, cache.width, s);
}

STRATA_KERNEL(FewScoresKernel,
              (const QueryBlock& x, const CacheHead& cache, const int32_t* slots,
               const int32_t* next, float* scratch, float* s),
              (x, cache, slots, next, scratch, s)){
    STRATA_PAGED_DISPATCH(cache.dtype, FewScoresOf, (x, cache, slots, next, scratch, s))}

STRATA_KERNEL(FewMixKernel,
              (const QueryBlock& x, const float* s, const CacheHead& cache, const int32_t* slots,
               const int32_t* next),
              (x, s, cache, slots, next)) {
  STRATA_PAGED_DISPATCH(cache.dtype, FewMixOf, (x, s, cache, slots, next))
}

}  // namespace

void FewScores(const QueryBlock& queries, const CacheHead& cache, const int32_t* slots,
               const int32_t* next, float* scratch, float* s) {
  FewScoresKernel(queries, cache, slots, next, scratch, s);
}
void FewMix(const QueryBlock& queries, const float* s, const CacheHead& cache, const int32_t* slots,
            const int32_t* next) {
  FewMixKernel(queries, s, cache, slots, next);
}

}  // namespace strata::compiler
