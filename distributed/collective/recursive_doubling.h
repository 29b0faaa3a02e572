// Recursive doubling: in step k ranks 2^k apart exchange all they have and combine it, so that log2 n messages follow
// one another: the fastest all-reduce of little data. Of n ranks that are no power of two, the r = n - 2^floor(log2 n)
// that are over give theirs to a neighbour first and get the result last. Thakur, Rabenseifner & Gropp (2005).
//
// Both partners combine the same two sums with the lower rank's first, so all ranks hold the same bits.
// p log2(p) m + 2 r m bytes on the wire, with p = n - r.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_RECURSIVE_DOUBLING_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_RECURSIVE_DOUBLING_H_

#include "absl/types/span.h"
#include "distributed/collective/algorithm.h"

namespace strata::distributed {

// "recursive_doubling" for all_reduce.
absl::Span<const Algorithm> RecursiveDoublingAlgorithms();

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_RECURSIVE_DOUBLING_H_
