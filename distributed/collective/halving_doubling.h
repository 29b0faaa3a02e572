// Recursive halving and doubling. Reduce-scatter: partners half the ranks apart exchange half of what they have and
// combine it, then a quarter of the ranks apart a quarter, until each rank has its part. All-gather is the way back,
// and all-reduce is both: Rabenseifner, Optimization of collective reduction operations (2004). Few messages and few
// bytes at once: 2 log2(n) steps and 2 (n-1)/n m bytes of a rank.
//
// Ranks that are over a power of two p, r = n - p, give theirs to a neighbour first and get their result last.
// Bytes on the wire, with b a rank's block of n blocks:
//   all_reduce                    2 (n-1) m
//   reduce_scatter, all_gather    n (n-1) b + r b
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_HALVING_DOUBLING_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_HALVING_DOUBLING_H_

#include "absl/types/span.h"
#include "distributed/collective/algorithm.h"

namespace strata::distributed {

// "halving_doubling" for all_reduce, reduce_scatter, all_gather, broadcast and reduce.
absl::Span<const Algorithm> HalvingDoublingAlgorithms();

// The all-reduce of `data` and its cost, for algorithms that are made of several. A mean is divided by all ranks of the
// call.
absl::Status HalvingDoublingAllReduce(Wire& wire, Piece data, int64_t element_bytes);
Cost HalvingDoublingAllReduceCost(const CallShape& shape);
int HalvingDoublingMessages(int ranks);  // that follow one another, of a block

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_HALVING_DOUBLING_H_
