// FusionGroups: which nodes of a graph become one kernel. The pass "fusion" writes the graph from it.
//
// Nodes are visited once, from the last to the first, so that the groups that want a value are known when its node is
// met. The node then (a) joins the only group that wants its value, (b) is cloned into each of several groups when
// recomputing is cheaper than memory traffic, or (c) is written to memory: by the earliest group that wants it, else by
// a group of its own. A last sweep merges groups over one space that share a large operand, and light ones (updates of
// gains and biases) that share any. A group never closes a cycle.
#ifndef STRATA_COMPILER_PASS_FUSION_GROUPS_H_
#define STRATA_COMPILER_PASS_FUSION_GROUPS_H_

#include <vector>

#include "compiler/loop/computation.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

struct FusionGroup {
  loop::Kind kind = loop::Kind::kLoop;
  std::vector<int64_t> space;  // the iteration space: dims without ones
  std::vector<int64_t> kept;   // kRow, kColumn: the dims that are not reduced
  std::vector<int> members;    // node indices, sorted
  std::vector<int> exports;    // members whose values others read, sorted
};

// Nodes that are in no group, or whose values are read outside of the groups that cloned them, stay nodes of their own.
struct FusionGroups {
  std::vector<FusionGroup> groups;
  std::vector<int> alone;  // node indices, sorted
};

// `graph` is verified; nodes with symbolic dims stay alone.
FusionGroups FindFusionGroups(const graph::Graph& graph);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_FUSION_GROUPS_H_
