// FusionGroups: which nodes of a graph become one kernel. The pass "fusion" writes the graph from
// it.
//
// Nodes are visited once, from the last to the first, so that the groups that want a value are
// known when its node is met. The node then (a) joins the only group that wants its value, (b) is
// cloned into each of several groups when recomputing is cheaper than memory traffic, or (c) is
// written to memory: by the earliest group that wants it, else by a group of its own. A last sweep
// merges groups over one space that share a large operand, and light ones (updates of gains and
// biases) that share any. A group never closes a cycle.
#ifndef STRATA_COMPILER_PASS_FUSION_GROUPS_H_
#define STRATA_COMPILER_PASS_FUSION_GROUPS_H_

#include "compiler/pass/fusion_group.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

// `graph` is verified; nodes with symbolic dims stay alone.
FusionGroups FindFusionGroups(const graph::Graph& graph);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_FUSION_GROUPS_H_
