// Pairwise exchange: in step s every rank sends to the one s further on and receives from the one s before, so that no
// rank gets two messages at once. Each piece travels once: the least bytes, n-1 messages a rank. Thakur, Rabenseifner &
// Gropp, Optimization of collective communication operations in MPICH (2005).
//
// n (n-1) pieces on the wire.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_PAIRWISE_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_PAIRWISE_H_

#include "absl/types/span.h"
#include "distributed/collective/algorithm.h"

namespace strata::distributed {

// "pairwise" for all_to_all and all_to_all_v.
absl::Span<const Algorithm> PairwiseAlgorithms();

// The phase, for algorithms that are made of it: piece r of `input` goes to rank r, of `piece_bytes` each.
absl::Status PairwiseAllToAll(Wire& wire, const char* input, char* output, int64_t piece_bytes);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_PAIRWISE_H_
