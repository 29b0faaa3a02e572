// Direct scatter and gather: the root talks to each rank itself. No piece travels twice and no memory is needed, but the
// root's messages follow one another. (n-1) b bytes on the wire.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_DIRECT_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_DIRECT_H_

#include "absl/types/span.h"
#include "distributed/collective/algorithm.h"

namespace strata::distributed {

// "direct" for scatter and gather.
absl::Span<const Algorithm> DirectAlgorithms();

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_DIRECT_H_
