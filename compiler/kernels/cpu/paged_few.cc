// Few queries: a block's keys are turned in their own dtype, in a buffer that stays in the nearer caches, and keys and
// values are widened on their way into the sums. The same numbers in the same order as Scores and Mix.
#include "compiler/kernels/cpu/paged_ahead.h"
#include "compiler/kernels/cpu/paged_blocks.h"
#include "compiler/kernels/cpu/paged_join.h"
#include "compiler/kernels/cpu/paged_turn.h"
#include "compiler/kernels/cpu/paged_widen.h"

namespace strata::compiler {
namespace {

using namespace simd;  // NOLINT

constexpr int64_t kN = kKeyBlock;

// s [R, 16 V of 64] = q [R, D] times turned keys [D, 16 V of 64].
template <bool kWide, int R, int V, typename T>
STRATA_INLINE void ScoreRows(const float* q, const T* keys, int64_t D, float* s,
                             PagedAhead& ahead) {
  v16 sum[R][V];
  const Target target{s, kN};
  Begin<R, V>(target, sum);
  for (int64_t d = 0; d < D; ++d) {
    ahead.Ask<1>();
    v16 x[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) x[v] = Widen<kWide>(keys + kN * d + 16 * v);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const float factor = q[r * D + d];
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[r][v] += factor * x[v];
    }
  }
  End<R, V>(target, sum);
}

// Vectors [first, last) of keys: as many at a time as there are registers for.
template <bool kWide, int R, typename T>
STRATA_INLINE void ScoreKeys(const float* q, const T* keys, int64_t D, int64_t first, int64_t last,
                             float* s, PagedAhead& ahead) {
  constexpr int V = R == 8 ? 2 : 4;
  int64_t v = first;
  if constexpr (kWide) {
    for (; v + V <= last; v += V) ScoreRows<kWide, R, V>(q, keys + 16 * v, D, s + 16 * v, ahead);
  }
  for (; v < last; ++v) ScoreRows<kWide, R, 1>(q, keys + 16 * v, D, s + 16 * v, ahead);
}

template <bool kWide, typename T>
STRATA_INLINE void FewScoresOf(const QueryBlock& x, const BlockRows& keys, void* scratch, float* s,
                               PagedAhead& next) {
  PagedAhead ahead = next;
  T* turned = static_cast<T*>(scratch);
  TurnBlock<kWide>(keys, turned, ahead);
  const int64_t first = keys.begin / 16, last = (keys.end + 15) / 16;
  int64_t i = 0;
  for (; i + 8 <= x.count; i += 8)
    ScoreKeys<kWide, 8>(x.q + i * x.D, turned, x.D, first, last, s + i * kN, ahead);
  for (; i + 4 <= x.count; i += 4)
    ScoreKeys<kWide, 4>(x.q + i * x.D, turned, x.D, first, last, s + i * kN, ahead);
  for (; i + 2 <= x.count; i += 2)
    ScoreKeys<kWide, 2>(x.q + i * x.D, turned, x.D, first, last, s + i * kN, ahead);
  if (i < x.count) ScoreKeys<kWide, 1>(x.q + i * x.D, turned, x.D, first, last, s + i * kN, ahead);
  next = ahead;
}

// Elements [d, d + 16 V) of the values of some keys, into R queries.
template <bool kWide, int R, int V, typename T>
STRATA_INLINE void MixRows(const BlockRows& values, const float* s, int64_t d, KeyRange keys,
                           const Target& target, PagedAhead& ahead) {
  v16 sum[R][V];
  Begin<R, V>(target, sum);
  const int64_t offset = values.offset + d * static_cast<int64_t>(sizeof(T));
  const bool whole = d + 16 * V <= values.width;
  for (int64_t k = keys.begin; k < keys.end; ++k) {
    ahead.Ask<1>();
    const T* from = reinterpret_cast<const T*>(values.rows[k] + offset);
    v16 x[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      x[v] = whole ? Widen<kWide>(from + 16 * v)
                   : WidenPart<kWide>(from + 16 * v, values.width - d - 16 * v);
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const float factor = s[r * kN + k];
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[r][v] += factor * x[v];
    }
  }
  End<R, V>(target, sum);
}

template <bool kWide, int R, typename T>
STRATA_INLINE void MixKeys(const BlockRows& values, const float* s, KeyRange keys, int64_t P,
                           const Target& target, PagedAhead& ahead) {
  constexpr int V = R == 8 ? 2 : 4;
  int64_t d = 0;
  if constexpr (kWide) {
    for (; d + 16 * V <= P; d += 16 * V)
      MixRows<kWide, R, V, T>(values, s, d, keys, target.At(d), ahead);
  }
  for (; d < P; d += 16) MixRows<kWide, R, 1, T>(values, s, d, keys, target.At(d), ahead);
}

template <bool kWide, int R, typename T>
STRATA_INLINE void MixQueries(const QueryBlock& x, int64_t i, const float* s,
                              const BlockRows& values, float* part, PagedAhead& ahead) {
  MixGroup(x, i, R, part,
           [&](int64_t r, int64_t rows, KeyRange keys, const Target& target) STRATA_INLINE_BODY {
             if (rows == R) {
               MixKeys<kWide, R, T>(values, s + r * kN, keys, x.P, target, ahead);
             } else {
               MixKeys<kWide, 1, T>(values, s + r * kN, keys, x.P, target, ahead);
             }
           });
}

template <bool kWide, typename T>
STRATA_INLINE void FewMixOf(const QueryBlock& x, const float* s, const BlockRows& values,
                            float* part, PagedAhead& next) {
  PagedAhead ahead = next;
  int64_t i = 0;
  for (; i + 8 <= x.count; i += 8) MixQueries<kWide, 8, T>(x, i, s, values, part, ahead);
  for (; i + 4 <= x.count; i += 4) MixQueries<kWide, 4, T>(x, i, s, values, part, ahead);
  for (; i + 2 <= x.count; i += 2) MixQueries<kWide, 2, T>(x, i, s, values, part, ahead);
  if (i < x.count) MixQueries<kWide, 1, T>(x, i, s, values, part, ahead);
  next = ahead;
}

STRATA_KERNEL(FewScoresKernel,
              (const QueryBlock& x, const BlockRows& keys, void* scratch, float* s,
               PagedAhead& next),
              (x, keys, scratch, s, next)){
    STRATA_PAGED_DISPATCH(keys.dtype, FewScoresOf, (x, keys, scratch, s, next))}

STRATA_KERNEL(FewMixKernel,
              (const QueryBlock& x, const float* s, const BlockRows& values, float* part,
               PagedAhead& next),
              (x, s, values, part, next)) {
  STRATA_PAGED_DISPATCH(values.dtype, FewMixOf, (x, s, values, part, next))
}

}  // namespace

void FewScores(const QueryBlock& queries, const BlockRows& keys, void* scratch, float* s,
               PagedAhead* next) {
  FewScoresKernel(queries, keys, scratch, s, *next);
}
void FewMix(const QueryBlock& queries, const float* s, const BlockRows& values, float* part,
            PagedAhead* next) {
  FewMixKernel(queries, s, values, part, *next);
}

}  // namespace strata::compiler
