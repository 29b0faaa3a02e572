// Two-level collectives: ranks in nodes of g neighbours each, N = n / g nodes. What is large stays in the node and between
// nodes goes only what must: an all-reduce is a reduce-scatter in the node, g all-reduces of a g-th each across the
// nodes at once, and an all-gather in the node. As NCCL's and Horovod's hierarchical all-reduce; Jia et al., Highly
// scalable deep learning training system with mixed-precision (2018).
//
// g is Tuning.ranks_per_node; 1 < g < n must divide n. In the node rings, across the nodes halving and doubling; for
// all_gather and reduce_scatter rings, for all_to_all pairs, for broadcast and reduce binomial trees, on both levels.
// Bytes on the wire: all_reduce 2 (n-1) m, broadcast and reduce (n-1) m, all_gather and reduce_scatter n (n-1) b,
// all_to_all n b (N (g-1) + g (N-1)).
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_HIERARCHICAL_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_HIERARCHICAL_H_

#include "absl/types/span.h"
#include "distributed/collective/algorithm.h"

namespace strata::distributed {

// "hierarchical" for all_reduce, reduce_scatter, all_gather, broadcast, reduce and all_to_all.
absl::Span<const Algorithm> HierarchicalAlgorithms();

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_HIERARCHICAL_H_
