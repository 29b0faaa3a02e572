// The inner loops of attention: blocks of 64 queries by 64 keys of one head, packed so that every operand is contiguous
// and in the nearest cache. Dao, "FlashAttention-2", arXiv:2307.08691.
//
//   PackRows(q, stride, view.queries, D, scale, packed_q);           // [64, P]
//   PackTransposed(k, stride, view.keys, D, packed_k);               // [D, 64]
//   Scores(view, packed_q, packed_k, D, P, s);                       // s [64, 64]
//   ...
//   AddMix(view, p, packed_v, P, out);                               // out [64, P] += p v
//
// P is D rounded up to whole vectors; what is beyond D, `queries` or `keys` in a packed operand is 0. Blocks are done by
// four rows, and what no query of the four sees is left out: of a block on the diagonal, nearly half. Scores are logarithms
// to base 2, which take half of an exponential's arithmetic: who packs q multiplies it by kLog2E as well.
#ifndef STRATA_COMPILER_KERNELS_CPU_ATTENTION_BLOCKS_H_
#define STRATA_COMPILER_KERNELS_CPU_ATTENTION_BLOCKS_H_

#include <algorithm>
#include <cstdint>

#include "compiler/kernels/cpu/rows_ahead.h"

namespace strata::compiler {

inline constexpr int64_t kAttentionBlock = 64;  // queries and keys of a block
inline constexpr int64_t kStepsOfProduct =
    kAttentionBlock / 4;  // that a product of a block takes ahead
inline constexpr float kLog2E = 1.44269504088896341f, kLn2 = 0.693147180559945309f;

inline int64_t PackedWidth(int64_t D) { return (D + 15) / 16 * 16; }

// Query r of the block sees its first Visible(r) keys.
struct BlockView {
  int64_t queries = 0, keys = 0;  // 1 to 64
  int64_t first = 0;    // keys that query 0 would see if there were endlessly many; may be negative
  bool causal = false;  // else every query sees all keys
  RowsAhead* ahead = nullptr;  // if there is one, a step with each four rows of a product
  int64_t Visible(int64_t r) const {
    return causal ? std::clamp<int64_t>(first + r, 0, keys) : keys;
  }
};

// out [64, P] = factor * x, rows of x `stride` apart.
void PackRows(const float* x, int64_t stride, int64_t rows, int64_t D, float factor, float* out);
// out [D, 64] = xᵀ.
void PackTransposed(const float* x, int64_t stride, int64_t rows, int64_t D, float* out);
// out (rows `stride` apart) = or += factor * x [rows, P].
void Unpack(const float* x, int64_t rows, int64_t D, float factor, bool add, int64_t stride,
            float* out);

// s [64, 64] = a [64, P] bt [D, 64]: of each row at least the visible keys; the rest is left as it was.
void Scores(const BlockView& view, const float* a, const float* bt, int64_t D, int64_t P, float* s);
// out [64, P] += w [64, 64] x [64, P]; what a query does not see may be NaN.
void AddMix(const BlockView& view, const float* w, const float* x, int64_t P, float* out);
// out [64, P] += wᵀ x, out by keys, x by queries; likewise.
void AddTransposedMix(const BlockView& view, const float* w, const float* x, int64_t P, float* out);

// Softmax as it goes. s holds scores; afterwards weights 2^(s - top), 0 where not visible. top [64] is about the highest
// score so far (a weight is at most 256), sum [64, 16] the weights' sums so far, by lanes; they and out [64, P] are scaled
// when a score comes that is higher by more than that.
void SoftmaxBlock(const BlockView& view, int64_t P, float* s, float* top, float* sum, float* out);

// The backward pass of it. s holds scores, dp the gradients of the weights; afterwards s = p = 2^(s - lse) and
// dp = p (dp - delta), 0 where not visible.
void SoftmaxGradientBlock(const BlockView& view, const float* lse, const float* delta, float* s,
                          float* dp);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_KERNELS_CPU_ATTENTION_BLOCKS_H_
