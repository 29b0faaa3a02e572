// What a rewrite did to the nodes of a graph: how many came, went and changed, and which ops they are.
//
//   const GraphChange change = CompareGraphs(before, after);
//   change.ToString();  // "120 -> 44 nodes: 9 added (9 fusion), 80 removed (61 mul, 19 add), 5 changed"
//
// Nodes are known by the name of their first result. Nodes in regions count as nodes of the graph, so a fusion moves
// nodes, it does not remove them.
#ifndef STRATA_COMPILER_TOOLS_GRAPH_CENSUS_H_
#define STRATA_COMPILER_TOOLS_GRAPH_CENSUS_H_

#include <map>
#include <string>

#include "framework/graph/graph.pb.h"

namespace strata::compiler {

struct GraphChange {
  int before = 0, after = 0;   // nodes, with those in regions
  int added = 0, removed = 0;  // by name
  int changed = 0;             // of the same name, with another op, operands, attributes or types
  int kernels_before = 0,
      kernels_after = 0;  // nodes outside of regions: what a device would launch
  std::map<std::string, int> added_ops, removed_ops;

  bool any() const { return added + removed + changed > 0; }
  std::string ToString() const;
};

// Both graphs are verified.
GraphChange CompareGraphs(const graph::Graph& before, const graph::Graph& after);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_TOOLS_GRAPH_CENSUS_H_
