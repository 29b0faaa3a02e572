// Optimizer groups: which nodes update a parameter. The pass "optimizer_fusion" writes the graph
// from them.
#ifndef STRATA_COMPILER_PASS_OPTIMIZER_GROUPS_H_
#define STRATA_COMPILER_PASS_OPTIMIZER_GROUPS_H_

#include <vector>

#include "compiler/pass/fusion_group.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

// A group for each parameter, by first member: its exports are the new values, and nodes outside
// read none of them, so that a group closes no circle, whatever it is merged with. Groups that
// have no loop nest are left out. `graph` is verified.
std::vector<FusionGroup> FindOptimizerGroups(const graph::Graph& graph);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_OPTIMIZER_GROUPS_H_
