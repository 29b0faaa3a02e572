#include "compiler/kernels/cpu/attention_blocks.h"

#include "compiler/kernels/cpu/simd.h"

namespace strata::compiler {
namespace {

using namespace simd;  // NOLINT

constexpr int64_t kN = kAttentionBlock;
constexpr int64_t kGroup = 4;   // rows done at once: with 4 vectors of columns, 16 accumulators
constexpr float kSlack = 8.0f;  // SoftmaxBlock: how far above 1 a weight may be, a power of two

// C [4, 16 V] (+)= A [4, k0..k1) B [k0..k1), 16 V]; element (r, k) of A is a[r * row + k * step].
template <int V>
STRATA_INLINE void TileProduct(const float* a, int64_t row, int64_t step, const float* b,
                               int64_t ldb, float* c, int64_t ldc, int64_t k0, int64_t k1,
                               bool add) {
  v16 sum[kGroup][V];
#pragma GCC unroll 4
  for (int r = 0; r < kGroup; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sum[r][v] = v16{};
  }
  for (int64_t k = k0; k < k1; ++k) {
    v16 x[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) x[v] = Load(b + k * ldb + 16 * v);
#pragma GCC unroll 4
    for (int r = 0; r < kGroup; ++r) {
      const float factor = a[r * row + k * step];
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) sum[r][v] += factor * x[v];
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < kGroup; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      float* to = c + r * ldc + 16 * v;
      Store(to, add ? Load(to) + sum[r][v] : sum[r][v]);
    }
  }
}

// The same for `vectors` vectors of columns: four at a time where there are registers for it.
template <bool kWide>
STRATA_INLINE void RowsProduct(const float* a, int64_t row, int64_t step, const float* b,
                               int64_t ldb, float* c, int64_t ldc, int64_t k0, int64_t k1,
                               int64_t vectors, bool add) {
  int64_t v = 0;
  if constexpr (kWide) {
    for (; v + 4 <= vectors; v += 4)
      TileProduct<4>(a, row, step, b + 16 * v, ldb, c + 16 * v, ldc, k0, k1, add);
    if (vectors - v == 3)
      return TileProduct<3>(a, row, step, b + 16 * v, ldb, c + 16 * v, ldc, k0, k1, add);
    if (vectors - v == 2)
      return TileProduct<2>(a, row, step, b + 16 * v, ldb, c + 16 * v, ldc, k0, k1, add);
  }
  for (; v < vectors; ++v)
    TileProduct<1>(a, row, step, b + 16 * v, ldb, c + 16 * v, ldc, k0, k1, add);
}

STRATA_INLINE int64_t Least(int64_t a, int64_t b) { return a < b ? a : b; }

// As BlockView::Visible, in a form that inlines into every instruction set's version.
STRATA_INLINE int64_t VisibleOf(const BlockView& view, int64_t r) {
  if (!view.causal) return view.keys;
  const int64_t n = view.first + r;
  return n < 0 ? 0 : Least(n, view.keys);
}

STRATA_INLINE void Ahead(const BlockView& view) {
  if (view.ahead != nullptr) view.ahead->Step();
}

// Four by four floats turned; rows of x `stride` apart, rows of y `kN`.
STRATA_INLINE void Turn4(const float* x, int64_t stride, float* y) {
  v4 a, b, c, d;
  std::memcpy(&a, x, sizeof a);
  std::memcpy(&b, x + stride, sizeof b);
  std::memcpy(&c, x + 2 * stride, sizeof c);
  std::memcpy(&d, x + 3 * stride, sizeof d);
  const v4 ab = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  const v4 cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
  const v4 AB = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  const v4 CD = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  a = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
  b = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
  c = __builtin_shufflevector(AB, CD, 0, 1, 4, 5);
  d = __builtin_shufflevector(AB, CD, 2, 3, 6, 7);
  std::memcpy(y, &a, sizeof a);
  std::memcpy(y + kN, &b, sizeof b);
  std::memcpy(y + 2 * kN, &c, sizeof c);
  std::memcpy(y + 3 * kN, &d, sizeof d);
}

STRATA_INLINE i16 LaneNumbers() {
  return i16{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
}
// Lanes below n as they are, the others `other`.
STRATA_INLINE v16 KeepLanes(v16 x, int64_t n, float other) {
  return LaneNumbers() < static_cast<int32_t>(n) ? x : Splat(other);
}

STRATA_KERNEL(PackRowsKernel,
              (const float* x, int64_t stride, int64_t rows, int64_t D, float factor, float* out),
              (x, stride, rows, D, factor, out)) {
  const int64_t P = (D + 15) / 16 * 16;
  for (int64_t r = 0; r < rows; ++r) {
    const float* from = x + r * stride;
    float* to = out + r * P;
    int64_t d = 0;
    for (; d + 16 <= D; d += 16) Store(to + d, Load(from + d) * factor);
    if (d < D) Store(to + d, LoadPart(from + d, D - d, 0.0f) * factor);
  }
  for (float* p = out + rows * P; p < out + kN * P; p += 16) Store(p, v16{});
}

STRATA_KERNEL(PackTransposedKernel,
              (const float* x, int64_t stride, int64_t rows, int64_t D, float* out),
              (x, stride, rows, D, out)) {
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    int64_t d = 0;
    for (; d + 4 <= D; d += 4) Turn4(x + r * stride + d, stride, out + d * kN + r);
    for (; d < D; ++d) {
      for (int64_t i = r; i < r + 4; ++i) out[d * kN + i] = x[i * stride + d];
    }
  }
  for (; r < kN; ++r) {
    for (int64_t d = 0; d < D; ++d) out[d * kN + r] = r < rows ? x[r * stride + d] : 0.0f;
  }
}

STRATA_KERNEL(UnpackKernel,
              (const float* x, int64_t rows, int64_t D, float factor, bool add, int64_t stride,
               float* out),
              (x, rows, D, factor, add, stride, out)) {
  const int64_t P = (D + 15) / 16 * 16;
  for (int64_t r = 0; r < rows; ++r) {
    const float* from = x + r * P;
    float* to = out + r * stride;
    int64_t d = 0;
    for (; d + 16 <= D; d += 16) {
      const v16 y = Load(from + d) * factor;
      Store(to + d, add ? Load(to + d) + y : y);
    }
    for (; d < D; ++d) to[d] = factor * from[d] + (add ? to[d] : 0.0f);
  }
}

// The products below for one P that is known ahead, or any (0): known strides leave the registers to the product.
template <bool kWide, int64_t kP>
STRATA_INLINE void ScoresOf(const BlockView& view, const float* a, const float* bt, int64_t D,
                            int64_t anyP, float* s) {
  const int64_t P = kP > 0 ? kP : anyP;
  for (int64_t r = 0; r < view.queries; r += kGroup) {
    Ahead(view);
    const int64_t visible = VisibleOf(view, r + kGroup - 1);
    RowsProduct<kWide>(a + r * P, P, 1, bt, kN, s + r * kN, kN, 0, D, (visible + 15) / 16, false);
  }
}

// What a row of w sees beyond the others of its four is done by itself: 0 times a number that it does not see may be NaN.
template <bool kWide, int64_t kP>
STRATA_INLINE void AddMixOf(const BlockView& view, const float* w, const float* x, int64_t anyP,
                            float* out) {
  const int64_t P = kP > 0 ? kP : anyP;
  for (int64_t r = 0; r < view.queries; r += kGroup) {
    Ahead(view);
    const int64_t all = VisibleOf(view, r);
    RowsProduct<kWide>(w + r * kN, kN, 1, x, P, out + r * P, P, 0, all, P / 16, true);
    for (int64_t q = r + 1; q < Least(r + kGroup, view.queries); ++q) {
      for (int64_t k = all; k < VisibleOf(view, q); ++k)
        AddScaled(w[q * kN + k], x + k * P, out + q * P, P);
    }
  }
}

// The first query that sees key j.
STRATA_INLINE int64_t FirstOf(const BlockView& view, int64_t j) {
  return !view.causal || j < view.first ? 0 : Least(j - view.first + 1, view.queries);
}

template <bool kWide, int64_t kP>
STRATA_INLINE void AddTransposedMixOf(const BlockView& view, const float* w, const float* x,
                                      int64_t anyP, float* out) {
  const int64_t P = kP > 0 ? kP : anyP;
  for (int64_t j = 0; j < view.keys; j += kGroup) {
    Ahead(view);
    const int64_t all = FirstOf(view, j + kGroup - 1);
    for (int64_t k = j; k < Least(j + kGroup, view.keys); ++k) {
      for (int64_t q = FirstOf(view, k); q < all; ++q)
        AddScaled(w[q * kN + k], x + q * P, out + k * P, P);
    }
    RowsProduct<kWide>(w + j, 1, kN, x, P, out + j * P, P, all, view.queries, P / 16, true);
  }
}

STRATA_KERNEL(ScoresKernel,
              (const BlockView& view, const float* a, const float* bt, int64_t D, int64_t P,
               float* s),
              (view, a, bt, D, P, s)) {
  if (P == 64) return ScoresOf<kWide, 64>(view, a, bt, D, P, s);
  ScoresOf<kWide, 0>(view, a, bt, D, P, s);
}

STRATA_KERNEL(AddMixKernel,
              (const BlockView& view, const float* w, const float* x, int64_t P, float* out),
              (view, w, x, P, out)) {
  if (P == 64) return AddMixOf<kWide, 64>(view, w, x, P, out);
  AddMixOf<kWide, 0>(view, w, x, P, out);
}

STRATA_KERNEL(AddTransposedMixKernel,
              (const BlockView& view, const float* w, const float* x, int64_t P, float* out),
              (view, w, x, P, out)) {
  if (P == 64) return AddTransposedMixOf<kWide, 64>(view, w, x, P, out);
  AddTransposedMixOf<kWide, 0>(view, w, x, P, out);
}

// The highest of the first n; beyond them -infinity.
STRATA_INLINE v16 Highest(const float* s, int64_t n) {
  v16 top = Splat(-__builtin_inff());
  for (int64_t i = 0; i < n; i += 16) {
    v16 x = Load(s + i);
    if (i + 16 > n) x = KeepLanes(x, n - i, -__builtin_inff());
    top = Max(x, top);
  }
  return top;
}

// A row's scores become weights; kWhole: n is kN, so that no loop or lane is in question.
template <bool kWide, bool kWhole>
STRATA_INLINE void SoftmaxRow(int64_t n, int64_t P, float* row, float* top, float* sum,
                              float* out) {
  const v16 high = kWhole ? Max(Max(Load(row), Load(row + 16)), Max(Load(row + 32), Load(row + 48)))
                          : Highest(row, n);
  v16 total = Load(sum);
  // Weights may be up to 2^kSlack, so that few blocks make the row before them smaller.
  if (__builtin_expect(AnyAbove<kWide>(high, Broadcast<kWide>(*top + kSlack)), 0)) {
    const float highest = MaxLane(high);
    const v16 shrink = Exp2Down<kWide>(Broadcast<kWide>(*top - highest));
    total *= shrink;
    for (float* p = out; p < out + P; p += 16) Store(p, Load(p) * shrink);
    *top = highest;
  }
  const float base = *top;
#pragma GCC unroll 4
  for (int64_t i = 0; i < (kWhole ? kN : n); i += 16) {
    v16 e = Exp2Down<kWide>(Load(row + i) - base);
    if (!kWhole && i + 16 > n) e = KeepLanes(e, n - i, 0.0f);
    Store(row + i, e);
    total += e;
  }
  Store(sum, total);
}

STRATA_INLINE int64_t WholeVectors(int64_t n) { return (n + 15) / 16 * 16; }

STRATA_KERNEL(SoftmaxBlockKernel,
              (const BlockView& view, int64_t P, float* s, float* top, float* sum, float* out),
              (view, P, s, top, sum, out)) {
  for (int64_t r = 0; r < (view.queries + kGroup - 1) / kGroup * kGroup; ++r) {
    float* row = s + r * kN;
    const int64_t n = r < view.queries ? VisibleOf(view, r) : 0;
    if (n == kN) {
      SoftmaxRow<kWide, true>(n, P, row, top + r, sum + 16 * r, out + r * P);
      continue;
    }
    if (n > 0) SoftmaxRow<kWide, false>(n, P, row, top + r, sum + 16 * r, out + r * P);
    for (int64_t i = WholeVectors(n); i < VisibleOf(view, r | (kGroup - 1)); i += 16)
      Store(row + i, v16{});
  }
}

template <bool kWide, bool kWhole>
STRATA_INLINE void SoftmaxGradientRow(int64_t n, float lse, float delta, float* row,
                                      float* gradient) {
#pragma GCC unroll 4
  for (int64_t i = 0; i < (kWhole ? kN : n); i += 16) {
    v16 p = Exp2Down<kWide>(Load(row + i) - lse), ds = p * (Load(gradient + i) - delta);
    if (!kWhole && i + 16 > n) {
      p = KeepLanes(p, n - i, 0.0f);
      ds = KeepLanes(ds, n - i, 0.0f);
    }
    Store(row + i, p);
    Store(gradient + i, ds);
  }
}

STRATA_KERNEL(SoftmaxGradientBlockKernel,
              (const BlockView& view, const float* lse, const float* delta, float* s, float* dp),
              (view, lse, delta, s, dp)) {
  for (int64_t r = 0; r < (view.queries + kGroup - 1) / kGroup * kGroup; ++r) {
    const int64_t n = r < view.queries ? VisibleOf(view, r) : 0;
    float *row = s + r * kN, *gradient = dp + r * kN;
    if (n == kN) {
      SoftmaxGradientRow<kWide, true>(n, lse[r], delta[r], row, gradient);
      continue;
    }
    if (n > 0) SoftmaxGradientRow<kWide, false>(n, lse[r], delta[r], row, gradient);
    for (int64_t i = WholeVectors(n); i < VisibleOf(view, r | (kGroup - 1)); i += 16) {
      Store(row + i, v16{});
      Store(gradient + i, v16{});
    }
  }
}

}  // namespace

void PackRows(const float* x, int64_t stride, int64_t rows, int64_t D, float factor, float* out) {
  PackRowsKernel(x, stride, rows, D, factor, out);
}
void PackTransposed(const float* x, int64_t stride, int64_t rows, int64_t D, float* out) {
  PackTransposedKernel(x, stride, rows, D, out);
}
void Unpack(const float* x, int64_t rows, int64_t D, float factor, bool add, int64_t stride,
            float* out) {
  UnpackKernel(x, rows, D, factor, add, stride, out);
}
void Scores(const BlockView& view, const float* a, const float* bt, int64_t D, int64_t P,
            float* s) {
  ScoresKernel(view, a, bt, D, P, s);
}
void AddMix(const BlockView& view, const float* w, const float* x, int64_t P, float* out) {
  AddMixKernel(view, w, x, P, out);
}
void AddTransposedMix(const BlockView& view, const float* w, const float* x, int64_t P,
                      float* out) {
  AddTransposedMixKernel(view, w, x, P, out);
}
void SoftmaxBlock(const BlockView& view, int64_t P, float* s, float* top, float* sum, float* out) {
  SoftmaxBlockKernel(view, P, s, top, sum, out);
}
void SoftmaxGradientBlock(const BlockView& view, const float* lse, const float* delta, float* s,
                          float* dp) {
  SoftmaxGradientBlockKernel(view, lse, delta, s, dp);
}

}  // namespace strata::compiler
