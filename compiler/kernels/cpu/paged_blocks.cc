#include "compiler/kernels/cpu/paged_blocks.h"

#include "compiler/kernels/cpu/paged_join.h"
#include "compiler/kernels/cpu/paged_pack.h"
#include "compiler/kernels/cpu/simd_math.h"

namespace strata::compiler {
namespace {

using namespace simd;  // NOLINT

constexpr int64_t kN = kKeyBlock;
constexpr int64_t kGroup = 4;  // queries done at once: with 4 vectors of columns, 16 accumulators

constexpr float kLargest = 3.40282347e38f;  // so that no difference of scores is infinite

// C [R, 16 V] of A [R, k0..k1) B [k0..k1), 16 V], rows of A `row` apart.
template <int R, int V>
STRATA_INLINE void TileProduct(const float* a, int64_t row, const float* b, int64_t ldb,
                               const Target& c, int64_t k0, int64_t k1) {
  v16 sum[R][V];
  Begin<R, V>(c, sum);
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
  End<R, V>(c, sum);
}

// The same for `vectors` vectors of columns: as many at a time as there are registers for.
template <bool kWide, int R>
STRATA_INLINE void RowsProduct(const float* a, int64_t row, const float* b, int64_t ldb,
                               const Target& c, int64_t k0, int64_t k1, int64_t vectors) {
  int64_t v = 0;
  if constexpr (kWide) {
    for (; v + 4 <= vectors; v += 4)
      TileProduct<R, 4>(a, row, b + 16 * v, ldb, c.At(16 * v), k0, k1);
    for (; v + 2 <= vectors; v += 2)
      TileProduct<R, 2>(a, row, b + 16 * v, ldb, c.At(16 * v), k0, k1);
  }
  for (; v < vectors; ++v) TileProduct<R, 1>(a, row, b + 16 * v, ldb, c.At(16 * v), k0, k1);
}

// The same for 1 to 4 rows.
template <bool kWide>
STRATA_INLINE void FewRowsProduct(int64_t rows, const float* a, int64_t row, const float* b,
                                  int64_t ldb, const Target& c, int64_t k0, int64_t k1,
                                  int64_t vectors) {
  if (rows == 4) {
    RowsProduct<kWide, 4>(a, row, b, ldb, c, k0, k1, vectors);
  } else if (rows == 1) {
    RowsProduct<kWide, 1>(a, row, b, ldb, c, k0, k1, vectors);
  } else {
    RowsProduct<kWide, 2>(a, row, b, ldb, c, k0, k1, vectors);
    if (rows == 3) RowsProduct<kWide, 1>(a + 2 * row, row, b, ldb, c.Row(2), k0, k1, vectors);
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
    FewRowsProduct<kWide>(rows, x.q + i * x.D, x.D, keys + 16 * first, kN,
                          Target{.to = s + i * kN + 16 * first, .stride = kN}, 0, x.D,
                          last - first);
  }
}

// How states of maxima `top` and others of maxima `fresh` become one each: the lower is scaled to the higher.
template <bool kWide>
STRATA_INLINE void JoinTops(int64_t count, float* top, const float* fresh, float* shrink,
                            float* grow) {
  const auto join = [&](v16 a, v16 b, int64_t i, int64_t n) STRATA_INLINE_BODY {
    const i16 grows = b > a;
    const v16 e = ExpDown<kWide>(grows ? a - b : b - a), one = Splat(1.0f);
    StorePart(shrink + i, grows ? e : one, n);
    StorePart(grow + i, grows ? one : e, n);
    StorePart(top + i, grows ? b : a, n);
  };
  int64_t i = 0;
  for (; i + 16 <= count; i += 16) join(Load(top + i), Load(fresh + i), i, 16);
  if (i < count)
    join(LoadPart(top + i, count - i, 0.0f), LoadPart(fresh + i, count - i, 0.0f), i, count - i);
}

// Scores as they count, and the highest of each query: -infinity where it sees none.
STRATA_INLINE void FindTops(const QueryBlock& x, float softcap, const float* key_scales, float* s,
                            float* fresh) {
  for (int64_t r = 0; r < x.count; ++r) {
    const KeyRange range = x.ranges[r];
    fresh[r] = -__builtin_inff();
    if (range.begin >= range.end) continue;
    float* row = s + r * kN;
    v16 highest = Splat(-__builtin_inff());
    for (int64_t i = range.begin / 16 * 16; i < range.end; i += 16) {
      v16 score = Load(row + i);
      if (key_scales != nullptr) score *= Load(key_scales + i);
      if (softcap > 0) score = softcap * Tanh(score / softcap);
      if (i < range.begin || i + 16 > range.end) score = Seen(score, i, range, -__builtin_inff());
      Store(row + i, score);
      highest = Max(score, highest);
    }
    const float top = MaxLane(highest);
    fresh[r] = top > -kLargest ? top : -kLargest;
  }
}

STRATA_KERNEL(SoftmaxKernel,
              (const QueryBlock& x, float softcap, const float* key_scales,
               const float* value_scales, float* s),
              (x, softcap, key_scales, value_scales, s)) {
  float fresh[kQueryBlock];
  FindTops(x, softcap, key_scales, s, fresh);
  JoinTops<kWide>(x.count, x.top, fresh, x.shrink, x.grow);
  for (int64_t r = 0; r < x.count; ++r) {
    const KeyRange range = x.ranges[r];
    if (range.begin >= range.end) continue;
    float* row = s + r * kN;
    v16 total = {};
    for (int64_t i = range.begin / 16 * 16; i < range.end; i += 16) {
      v16 e = ExpDown<kWide>(Load(row + i) - fresh[r]);
      if (i < range.begin || i + 16 > range.end) e = Seen(e, i, range, 0.0f);
      Store(row + i, value_scales == nullptr ? e : e * Load(value_scales + i));
      total += e;
    }
    Store(x.sum + 16 * r, Joined(Load(x.sum + 16 * r), total, x.shrink[r], x.grow[r]));
  }
}

STRATA_KERNEL(MixKernel, (const QueryBlock& x, const float* s, const float* values, float* part),
              (x, s, values, part)) {
  const int64_t vectors = x.P / 16;
  for (int64_t i = 0; i < x.count; i += kGroup) {
    const int64_t rows = Least(kGroup, x.count - i);
    MixGroup(x, i, rows, part,
             [&](int64_t r, int64_t n, KeyRange keys, const Target& target) STRATA_INLINE_BODY {
               FewRowsProduct<kWide>(n, s + r * kN, kN, values, x.P, target, keys.begin, keys.end,
                                     vectors);
             });
  }
}

STRATA_KERNEL(JoinKernel,
              (const QueryBlock& x, const float* out, const float* sum, const float* top),
              (x, out, sum, top)) {
  float shrink[kQueryBlock], grow[kQueryBlock];
  JoinTops<kWide>(x.count, x.top, top, shrink, grow);
  for (int64_t r = 0; r < x.count; ++r) {
    if (top[r] == -__builtin_inff()) continue;  // it saw nothing
    Store(x.sum + 16 * r, Joined(Load(x.sum + 16 * r), Load(sum + 16 * r), shrink[r], grow[r]));
    for (int64_t d = 0; d < x.P; d += 16) {
      Store(x.out + r * x.P + d,
            Joined(Load(x.out + r * x.P + d), Load(out + r * x.P + d), shrink[r], grow[r]));
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
void Softmax(const QueryBlock& queries, float softcap, const float* key_scales,
             const float* value_scales, float* s) {
  SoftmaxKernel(queries, softcap, key_scales, value_scales, s);
}
void Mix(const QueryBlock& queries, const float* s, const float* values, float* part) {
  MixKernel(queries, s, values, part);
}
void Join(const QueryBlock& queries, const float* out, const float* sum, const float* top) {
  JoinKernel(queries, out, sum, top);
}
void Finish(const QueryBlock& queries, int64_t index, int64_t width, float* y) {
  FinishKernel(queries.out + index * queries.P, queries.sum + 16 * index, width, y);
}

}  // namespace strata::compiler
