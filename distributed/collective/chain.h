// A chain: rank after rank from the root on, all links busy once it is filled. The ring's broadcast and reduction: most
// steps, least bytes at once. (n-1) m bytes on the wire.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_CHAIN_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_CHAIN_H_

#include "absl/types/span.h"
#include "distributed/collective/algorithm.h"

namespace strata::distributed {

// "ring" for broadcast and reduce.
absl::Span<const Algorithm> ChainAlgorithms();

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_CHAIN_H_
