#include "compiler/kernels/cpu/paged_blocks.h"

#include "compiler/kernels/cpu/paged_pack.h"
#include "compiler/kernels/cpu/simd_math.h"

namespace strata::compiler {
namespace {

using namespace simd;  // NOLINT

constexpr int64_t kN = kKeyBlock;
constexpr int64_t kGroup = 4;  // queries done at once: with 4 vectors of columns, 16 accumulators

STRATA_INLINE int64_t Least(int64_t a, int64_t b) { return a < b ? a : b; }
STRATA_INLINE int64_t Most(int64_t a, int64_t b) { return a > b ? a : b; }

// C [R, 16 V] (+)= A [R, k0..k1) B [k0..k1), 16 V], rows of A `row` apart.
template <int R, int V>
STRATA_INLINE void TileProduct(const float* a, int64_t row, const float* b, int64_t ldb, float* c,
                               int64_t ldc, int64_t k0, int64_t k1, bool add) {
  v16 sum[R][V];
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sum[r][v] = add ? Load(c + r * ldc + 16 * v) : v16{};
  }
  for (int64_t k = k0; k < k1; ++k) {
    v16 x[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) x[v] = Load(b + k * ldb + 16 * v);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const float factor = a[r * row + k];
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[r][v] += factor * x[v];
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) Store(c + r * ldc + 16 * v, sum[r][v]);
  }
}

// The same for `vectors` vectors of columns: as many at a time as there are registers for.
template <bool kWide, int R>
STRATA_INLINE void RowsProduct(const float* a, int64_t row, const float* b, int64_t ldb, float* c,
                               int64_t ldc, int64_t k0, int64_t k1, int64_t vectors, bool add) {
  int64_t v = 0;
  if constexpr (kWide) {
    for (; v + 4 <= vectors; v += 4)
      TileProduct<R, 4>(a, row, b + 16 * v, ldb, c + 16 * v, ldc, k0, k1, add);
    for (; v + 2 <= vectors; v += 2)
      TileProduct<R, 2>(a, row, b + 16 * v, ldb, c + 16 * v, ldc, k0, k1, add);
  }
  for (; v < vectors; ++v) TileProduct<R, 1>(a, row, b + 16 * v, ldb, c + 16 * v, ldc, k0, k1, add);
}

// The same for 1 to 4 rows.
template <bool kWide>
STRATA_INLINE void FewRowsProduct(int64_t rows, const float* a, int64_t row, const float* b,
                                  int64_t ldb, float* c, int64_t ldc, int64_t k0, int64_t k1,
                                  int64_t vectors, bool add) {
  if (rows == 4) {
    RowsProduct<kWide, 4>(a, row, b, ldb, c, ldc, k0, k1, vectors, add);
  } else if (rows == 1) {
    RowsProduct<kWide, 1>(a, row, b, ldb, c, ldc, k0, k1, vectors, add);
  } else {
    RowsProduct<kWide, 2>(a, row, b, ldb, c, ldc, k0, k1, vectors, add);
    if (rows == 3)
      RowsProduct<kWide, 1>(a + 2 * row, row, b, ldb, c + 2 * ldc, ldc, k0, k1, vectors, add);
  }
}

STRATA_INLINE i16 LaneNumbers() {
  return i16{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
}
// x where key i + lane is of the range, else `other`.
STRATA_INLINE v16 Seen(v16 x, int64_t i, KeyRange range, float other) {
  const i16 key = LaneNumbers() + static_cast<int32_t>(i);
  return (key >= range.begin) & (key < range.end) ? x : Splat(other);
}

STRATA_KERNEL(ScoresKernel, (const QueryBlock& x, const float* keys, float* s), (x, keys, s)) {
  for (int64_t i = 0; i < x.count; i += kGroup) {
    const int64_t rows = Least(kGroup, x.count - i);
    int64_t begin = kN, end = 0;
    for (int64_t r = i; r < i + rows; ++r) {
      if (x.ranges[r].begin >= x.ranges[r].end) continue;
      begin = Least(begin, x.ranges[r].begin);
      end = Most(end, x.ranges[r].end);
    }
    if (begin >= end) continue;
    const int64_t first = begin / 16, last = (end + 15) / 16;
    FewRowsProduct<kWide>(rows, x.q + i * x.D, x.D, keys + 16 * first, kN, s + i * kN + 16 * first,
                          kN, 0, x.D, last - first, false);
  }
}

STRATA_KERNEL(SoftmaxKernel, (const QueryBlock& x, float softcap, float* s), (x, softcap, s)) {
  for (int64_t r = 0; r < x.count; ++r) {
    const KeyRange range = x.ranges[r];
    if (range.begin >= range.end) continue;
    float* row = s + r * kN;
    const int64_t first = range.begin / 16 * 16;
    v16 highest = Splat(-__builtin_inff());
    for (int64_t i = first; i < range.end; i += 16) {
      v16 score = Load(row + i);
      if (softcap > 0) score = softcap * Tanh(score / softcap);
      if (i < range.begin || i + 16 > range.end) score = Seen(score, i, range, -__builtin_inff());
      Store(row + i, score);
      highest = Max(score, highest);
    }
    const float top = MaxLane(highest);
    v16 total = Load(x.sum + 16 * r);
    if (top > x.top[r]) {
      const v16 shrink = ExpDown<kWide>(Broadcast<kWide>(x.top[r] - top));
      total *= shrink;
      for (float* p = x.out + r * x.P; p < x.out + (r + 1) * x.P; p += 16)
        Store(p, Load(p) * shrink);
      x.top[r] = top;
    }
    for (int64_t i = first; i < range.end; i += 16) {
      v16 e = ExpDown<kWide>(Load(row + i) - x.top[r]);
      if (i < range.begin || i + 16 > range.end) e = Seen(e, i, range, 0.0f);
      Store(row + i, e);
      total += e;
    }
    Store(x.sum + 16 * r, total);
  }
}

// Keys that all of a group's queries see are mixed in for all at once; those before and behind them by query.
STRATA_KERNEL(MixKernel, (const QueryBlock& x, const float* s, const float* values),
              (x, s, values)) {
  const int64_t vectors = x.P / 16;
  for (int64_t i = 0; i < x.count; i += kGroup) {
    const int64_t rows = Least(kGroup, x.count - i);
    int64_t begin = 0, end = kN;
    for (int64_t r = i; r < i + rows; ++r) {
      begin = Most(begin, x.ranges[r].begin);
      end = Least(end, x.ranges[r].end);
    }
    const bool shared = begin < end;
    for (int64_t r = i; r < i + rows; ++r) {
      const KeyRange own = x.ranges[r];
      const int64_t stop = shared ? begin : own.end;
      if (own.begin < stop) {
        RowsProduct<kWide, 1>(s + r * kN, kN, values, x.P, x.out + r * x.P, x.P, own.begin, stop,
                              vectors, true);
      }
    }
    if (!shared) continue;
    FewRowsProduct<kWide>(rows, s + i * kN, kN, values, x.P, x.out + i * x.P, x.P, begin, end,
                          vectors, true);
    for (int64_t r = i; r < i + rows; ++r) {
      if (x.ranges[r].end <= end) continue;
      RowsProduct<kWide, 1>(s + r * kN, kN, values, x.P, x.out + r * x.P, x.P, end, x.ranges[r].end,
                            vectors, true);
    }
  }
}

STRATA_KERNEL(FinishKernel, (const float* out, const float* sum, int64_t width, float* y),
              (out, sum, width, y)) {
  const float inverse = 1.0f / Sum(Load(sum));
  int64_t d = 0;
  for (; d + 16 <= width; d += 16) Store(y + d, Load(out + d) * inverse);
  if (d < width) StorePart(y + d, Load(out + d) * inverse, width - d);
}

}  // namespace

void Scores(const QueryBlock& queries, const float* keys, float* s) {
  ScoresKernel(queries, keys, s);
}
void Softmax(const QueryBlock& queries, float softcap, float* s) {
  SoftmaxKernel(queries, softcap, s);
}
void Mix(const QueryBlock& queries, const float* s, const float* values) {
  MixKernel(queries, s, values);
}
void Finish(const QueryBlock& queries, int64_t index, int64_t width, float* y) {
  FinishKernel(queries.out + index * queries.P, queries.sum + 16 * index, width, y);
}

}  // namespace strata::compiler
