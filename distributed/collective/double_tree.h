// Two binary trees, each for half of the data: a rank that is inside one is a leaf of the other, so that all ranks send
// and receive all the time, after log2 n levels. Sanders, Speck & Traff, Two-tree algorithms for full bandwidth
// broadcast, reduction and scan (2009). The root is above both trees. (n-1) m bytes on the wire; all-reduce 2 (n-1) m.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_DOUBLE_TREE_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_DOUBLE_TREE_H_

#include "absl/types/span.h"
#include "distributed/collective/algorithm.h"
#include "distributed/collective/tree_pipeline.h"

namespace strata::distributed {

// "double_tree" for broadcast, reduce and all_reduce.
absl::Span<const Algorithm> DoubleTreeAlgorithms();

// The two trees, of edges in two colours: no rank has two edges of one colour to its children, nor two from its parents.
TreePipeline DoubleTree(int ranks);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_DOUBLE_TREE_H_
