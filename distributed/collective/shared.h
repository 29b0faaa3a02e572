// Shared memory: ranks that are threads of one process read each other's operands and write each other's results where
// they lie. Each rank makes its part of the result in one pass over all operands, so that each byte is read once and
// written once and crosses between two cores once: the least that a memory can move.
//
// Messages carry only addresses and a barrier: 32 n (n-1) bytes on the wire (the first call of a Collectives 8 n (n-1)
// more); none where there is nothing to do.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_SHARED_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_SHARED_H_

#include "absl/types/span.h"
#include "distributed/collective/algorithm.h"

namespace strata::distributed {

// "shared" for all verbs but all_to_all_v, where Tuning.one_address_space.
absl::Span<const Algorithm> SharedAlgorithms();

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_SHARED_H_
