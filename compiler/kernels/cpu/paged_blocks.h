// The inner loops of paged attention: up to 64 queries of one key head against a block of 64 keys, softmax as it goes
// (Dao, "FlashAttention-2", arXiv:2307.08691).
//
//   Scores(queries, packed_keys, s);                  // s [64, 64]
//   Softmax(queries, softcap, nullptr, nullptr, s);   // weights under the block's own maximum; joins maxima and sums
//   Mix(queries, s, packed_values, part);             // joins the block's s v to the outputs
//   Finish(queries, 0, width, y);
//
// What a block gives (its maximum, the sums of its weights and of its weighted values) is computed from nothing but the
// block, and blocks are joined in their order: so blocks may be computed anywhere, and joined later by Join.
//
// A query sees the keys of its own range; what it computes does not depend on the other queries, on their number, or on
// what lies outside of its range: the same numbers in the same order, bit for bit. Scores are summed by one lane along
// the head, values along the keys. Lanes are keys by their place in the block, so the blocks must begin at the same keys
// in every run.
#ifndef STRATA_COMPILER_KERNELS_CPU_PAGED_BLOCKS_H_
#define STRATA_COMPILER_KERNELS_CPU_PAGED_BLOCKS_H_

#include <cstdint>

#include "compiler/kernels/cpu/paged_ahead.h"
#include "compiler/kernels/cpu/paged_pack.h"

namespace strata::compiler {

inline constexpr int64_t kQueryBlock = 64;

// Keys [begin, end) of the block; none where begin >= end.
struct KeyRange {
  int32_t begin = 0, end = 0;
};

// Queries and what is kept of each.
struct QueryBlock {
  int64_t count = 0;       // 1 to 64
  int64_t D = 0, P = 0;    // of q and keys; of out and values, a multiple of 16
  const KeyRange* ranges;  // [count]
  const float* q;          // [count, D], times the scale
  float* out;              // [count, P], not yet divided by the sum
  float* sum;              // [count, 16], by lanes
  float* top;              // [count]: the highest score so far; -infinity before the first
  float *shrink,
      *grow;  // [count]: what Softmax leaves for Mix: out becomes shrink out + grow s v, one of them is 1
};

// s[i, j] = q_i k_j, at least where query i sees key j. keys [D, 64].
void Scores(const QueryBlock& queries, const float* keys, float* s);

// s[i, j] becomes exp(score - block's top), 0 in the other lanes of a vector that the query sees some lane of. softcap 0:
// none. With scales [64] (int8), scores are times the key's before, weights times the value's after they are summed.
void Softmax(const QueryBlock& queries, float softcap, const float* key_scales,
             const float* value_scales, float* s);

// Joins the sums over the keys that each query sees of s[i, j] v_j, in order. values [64, P]; part: [8, P] of scratch.
void Mix(const QueryBlock& queries, const float* s, const float* values, float* part);

// The same two straight from the cache, for queries too few to pay for packing. scratch: [D, 64] of the cache's dtype.
// Meanwhile lines of `next` are asked for: about as many as a key's or a value's head has in a block.
void FewScores(const QueryBlock& queries, const BlockRows& keys, void* scratch, float* s,
               PagedAhead* next);
void FewMix(const QueryBlock& queries, const float* s, const BlockRows& values, float* part,
            PagedAhead* next);

// Joins what later blocks gave: as if they had been computed into `queries`, if each was into a state of its own.
void Join(const QueryBlock& queries, const float* out, const float* sum, const float* top);

// y [width] = out / sum; `index` of a query in the block.
void Finish(const QueryBlock& queries, int64_t index, int64_t width, float* y);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_KERNELS_CPU_PAGED_BLOCKS_H_
