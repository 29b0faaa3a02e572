// A binary tree: a rank passes what it gets on to two others, so that all have it after log2 n levels. In a pipeline an
// inner rank sends each chunk twice, so at most half of the bandwidth is used; DoubleTreeAlgorithms use the rest.
// All-reduce is a reduction and a broadcast. (n-1) m bytes on the wire; all-reduce 2 (n-1) m.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_BINARY_TREE_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_BINARY_TREE_H_

#include "absl/types/span.h"
#include "distributed/collective/algorithm.h"

namespace strata::distributed {

// "tree" for broadcast, reduce and all_reduce.
absl::Span<const Algorithm> BinaryTreeAlgorithms();

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_BINARY_TREE_H_
