// Bruck's algorithms: ceil(log2 n) steps for any n. Bruck, Ho, Kipnis, Upfal & Weathersby, Efficient algorithms for
// all-to-all communications in multiport message-passing systems (1997).
//
// All-gather: in step k a rank gets from the one 2^k further on all that this one has, up to 2^k blocks; all but its
// own block are in the order of ranks from its own on, and are turned at the end. n (n-1) b bytes on the wire.
//
// All-to-all: the block for the rank d further on goes the way that d has in binary: in step k all blocks with bit k of
// d, up to n / 2 of them, go 2^k on, in one message. More bytes than the pairwise exchange, fewer messages:
// n b times the bits that are set in 1 ... n-1.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_BRUCK_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_BRUCK_H_

#include "absl/types/span.h"
#include "distributed/collective/algorithm.h"

namespace strata::distributed {

// "bruck" for all_gather and all_to_all.
absl::Span<const Algorithm> BruckAlgorithms();

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_BRUCK_H_
