// The inner loops of paged attention: up to 64 queries of one key head against a block of 64 keys, softmax as it goes
// (Dao, "FlashAttention-2", arXiv:2307.08691).
//
//   Scores(queries, packed_keys, s);     // s [64, 64]
//   Softmax(queries, softcap, s);        // weights; sums and outputs so far are scaled to the new maximum
//   Mix(queries, s, packed_values);      // out += s v
//   Finish(queries, y, stride);
//
// A query sees the keys of its own range; what it computes does not depend on the other queries, on their number, or on
// what lies outside of its range: the same numbers in the same order, bit for bit. Lanes are keys by their place in the
// block, so the blocks must begin at the same keys in every run.
#ifndef STRATA_COMPILER_KERNELS_CPU_PAGED_BLOCKS_H_
#define STRATA_COMPILER_KERNELS_CPU_PAGED_BLOCKS_H_

#include <cstdint>

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
  float* top;              // [count]: the highest score so far
};

// s[i, j] = q_i k_j, at least where query i sees key j. keys [D, 64].
void Scores(const QueryBlock& queries, const float* keys, float* s);

// s[i, j] becomes exp(score - top), 0 in the other lanes of a vector that the query sees some lane of. softcap 0: none.
void Softmax(const QueryBlock& queries, float softcap, float* s);

// out_i += sum over the keys it sees of s[i, j] v_j, in order. values [64, P].
void Mix(const QueryBlock& queries, const float* s, const float* values);

// The same two straight from the cache, for queries too few to pay for packing. scratch: [D, 16]. The keys at the slots
// `next` [64] (-1: none) are asked for ahead of their use: slots lie about, and no machine guesses where.
void FewScores(const QueryBlock& queries, const CacheHead& cache, const int32_t* slots,
               const int32_t* next, float* scratch, float* s);
void FewMix(const QueryBlock& queries, const float* s, const CacheHead& cache, const int32_t* slots,
            const int32_t* next);

// y [width] = out / sum; `index` of a query in the block.
void Finish(const QueryBlock& queries, int64_t index, int64_t width, float* y);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_KERNELS_CPU_PAGED_BLOCKS_H_
