// SplitFusions: fusions as the nodes they were made of.
//
//   const graph::Graph apart = SplitFusions(graph, [&](const graph::Node& node) { return !HasKernel(node); });
#ifndef STRATA_COMPILER_DRIVER_FUSION_SPLIT_H_
#define STRATA_COMPILER_DRIVER_FUSION_SPLIT_H_

#include <functional>

#include "framework/graph/graph.pb.h"

namespace strata::compiler {

// Those `fusion` nodes that `splits` is true of stand in place as their region's nodes; values that had no name outside
// get a free one. What the graph computes stays. `graph` is verified.
graph::Graph SplitFusions(const graph::Graph& graph,
                          const std::function<bool(const graph::Node&)>& splits);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DRIVER_FUSION_SPLIT_H_
