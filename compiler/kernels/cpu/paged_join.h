// Where the products of paged attention's blocks go, for the bodies of its kernels: into scores, or joined to the outputs
// of the blocks before.
#ifndef STRATA_COMPILER_KERNELS_CPU_PAGED_JOIN_H_
#define STRATA_COMPILER_KERNELS_CPU_PAGED_JOIN_H_

#include "compiler/kernels/cpu/paged_blocks.h"
#include "compiler/kernels/cpu/simd.h"

namespace strata::compiler::simd {

STRATA_INLINE int64_t Least(int64_t a, int64_t b) { return a < b ? a : b; }
STRATA_INLINE int64_t Most(int64_t a, int64_t b) { return a > b ? a : b; }

// shrink out + grow part, where one of the factors is 1: one product and one sum, fused or not alike everywhere. Shrink 0:
// there was nothing before that counts.
STRATA_INLINE v16 Joined(v16 out, v16 part, float shrink, float grow) {
  if (shrink == 0.0f) return part;
  if (grow == 1.0f) return out * shrink + part;
  return part * grow + out;
}

// R rows of 16 V columns: stored; continued from what is there; or, with factors, joined to what is there.
struct Target {
  float* to = nullptr;
  int64_t stride = 0;
  bool add = false;
  const float *shrink = nullptr, *grow = nullptr;  // of the rows

  STRATA_INLINE_BODY Target At(int64_t column) const {
    return {to + column, stride, add, shrink, grow};
  }
  STRATA_INLINE_BODY Target Row(int64_t r) const {
    return {to + r * stride, stride, add, shrink == nullptr ? nullptr : shrink + r,
            grow == nullptr ? nullptr : grow + r};
  }
};

template <int R, int V>
STRATA_INLINE void Begin(const Target& c, v16 (*sum)[V]) {
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sum[r][v] = c.add ? Load(c.to + r * c.stride + 16 * v) : v16{};
  }
}

template <int R, int V>
STRATA_INLINE void End(const Target& c, v16 (*sum)[V]) {
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      float* to = c.to + r * c.stride + 16 * v;
      Store(to,
            c.shrink == nullptr ? sum[r][v] : Joined(Load(to), sum[r][v], c.shrink[r], c.grow[r]));
    }
  }
}

// Calls product(first query, queries, keys, target) for queries [i, i + rows) of x: once where all see the same keys; else
// for those that all see, and by query for those before and behind them, collected in part [rows, P] and joined then.
template <typename Product>
STRATA_INLINE void MixGroup(const QueryBlock& x, int64_t i, int64_t rows, float* part,
                            const Product& product) {
  KeyRange all = x.ranges[i];
  bool same = true;
  for (int64_t r = i + 1; r < i + rows; ++r) {
    const KeyRange own = x.ranges[r];
    same = same && own.begin == all.begin && own.end == all.end;
    all.begin = own.begin > all.begin ? own.begin : all.begin;
    all.end = own.end < all.end ? own.end : all.end;
  }
  const bool shared = all.begin < all.end;
  if (same) {
    if (shared)
      product(i, rows, all, Target{x.out + i * x.P, x.P, false, x.shrink + i, x.grow + i});
    return;
  }
  const Target parts{part, x.P, true};
  for (int64_t e = 0; e < rows * x.P; e += 16) Store(part + e, v16{});
  for (int64_t r = i; r < i + rows; ++r) {
    const KeyRange own = x.ranges[r];
    const KeyRange before = {own.begin, shared ? all.begin : own.end};
    if (before.begin < before.end) product(r, 1, before, parts.Row(r - i));
  }
  if (shared) product(i, rows, all, parts);
  for (int64_t r = i; r < i + rows; ++r) {
    const KeyRange own = x.ranges[r];
    if (own.begin >= own.end) continue;
    if (shared && own.end > all.end) product(r, 1, KeyRange{all.end, own.end}, parts.Row(r - i));
    for (int64_t d = 0; d < x.P; d += 16) {
      float* to = x.out + r * x.P + d;
      Store(to, Joined(Load(to), Load(part + (r - i) * x.P + d), x.shrink[r], x.grow[r]));
    }
  }
}

}  // namespace strata::compiler::simd

#endif  // STRATA_COMPILER_KERNELS_CPU_PAGED_JOIN_H_
