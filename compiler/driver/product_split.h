// SplitProducts(): fusions of a product and what follows it (the pass epilogue_fusion) taken apart
// again, where there is no one kernel for both.
//
//   const graph::Graph apart = SplitProducts(graph, [](const graph::Node& node) { return false; });   // all of them
//
// In their place stand the product and, right behind it, a "loop" fusion of the rest: the same
// numbers, and the product in memory between them.
#ifndef STRATA_COMPILER_DRIVER_PRODUCT_SPLIT_H_
#define STRATA_COMPILER_DRIVER_PRODUCT_SPLIT_H_

#include <functional>

#include "framework/graph/graph.pb.h"

namespace strata::compiler {

// A fusion of the kind "product": around one product, whose operands come from outside.
bool IsProductFusion(const graph::Node& node);

// Of such a fusion's region: the product.
const graph::Node& ProductOf(const graph::Graph& region);

// `whole` is asked about each product fusion; those that it refuses are split. Values keep their
// ids.
graph::Graph SplitProducts(const graph::Graph& graph,
                           const std::function<bool(const graph::Node&)>& whole);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DRIVER_PRODUCT_SPLIT_H_
