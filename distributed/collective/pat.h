// PAT, parallel aggregated trees: all-gather and reduce-scatter in log2 n steps for any n, the far ones first and small.
// Jeaugey, PAT: a new algorithm for all-gather and reduce-scatter operations at scale (2025).
//
// As in Bruck's algorithm a block goes to the rank d further on by the binary digits of d, but the highest digit first:
// what crosses the machine is one block a rank, and what is many blocks stays near. Blocks of a step go together in
// messages of at most Tuning.block_bytes (one block at least), so little memory is needed. A reduce-scatter is the
// all-gather backwards. n (n-1) b bytes on the wire.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_PAT_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_PAT_H_

#include "absl/types/span.h"
#include "distributed/collective/algorithm.h"

namespace strata::distributed {

// "pat" for all_gather and reduce_scatter.
absl::Span<const Algorithm> PatAlgorithms();

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_PAT_H_
