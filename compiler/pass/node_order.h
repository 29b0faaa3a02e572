// InOrder: rewritten nodes back in dependency order, for passes that make one node of several.
#ifndef STRATA_COMPILER_PASS_NODE_ORDER_H_
#define STRATA_COMPILER_PASS_NODE_ORDER_H_

#include <cstddef>
#include <utility>
#include <vector>

#include "framework/graph/graph.pb.h"

namespace strata::compiler {

// Positions of `nodes` in dependency order; among those that are ready, the one that comes first in
// `nodes`. Those in or behind a circle are left out. The first of each pair is the caller's.
std::vector<size_t> InOrder(const graph::Graph& graph,
                            const std::vector<std::pair<int, graph::Node>>& nodes);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_NODE_ORDER_H_
