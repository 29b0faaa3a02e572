// Reduce: from a graph that shows a fault, a small one that still shows it. Delta debugging (A. Zeller and R.
// Hildebrandt, "Simplifying and isolating failure-inducing input", IEEE TSE 28(2), 2002) with edits that know graphs:
// outputs and updates are dropped, results of nodes become inputs, a node is bypassed by one of its operands, regions
// are inlined or reduced in place, dims shrink. Every candidate is verified before it is checked.
//
//   auto fails = [](const graph::Graph& g) -> absl::StatusOr<bool> { return !Compiles(g); };
//   STRATA_ASSIGN_OR_RETURN(ReducedGraph small, Reduce(graph, fails, {}));
//   std::cout << graph::PrintGraph(small.graph);
//
// Greedy: the result is one from which no single edit can take anything more (unless a limit ended the search), not the
// smallest there is. Deterministic for a deterministic check.
#ifndef STRATA_COMPILER_TOOLS_REDUCER_H_
#define STRATA_COMPILER_TOOLS_REDUCER_H_

#include <cstdint>
#include <functional>

#include "base/status.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

// True when the graph shows the fault. An error ends the reduction with it.
using ShowsFault = std::function<absl::StatusOr<bool>(const graph::Graph&)>;

struct ReduceOptions {
  int max_checks = 3000;
  double max_seconds = 0;  // 0: no limit
  // After each smaller graph: its nodes (with those in regions) and how many checks were made.
  std::function<void(int nodes, int checks)> progress;
};

struct ReducedGraph {
  graph::Graph graph;
  int checks = 0;
  bool complete = true;  // false when a limit ended it
};

// INVALID_ARGUMENT when `graph` is not valid or does not show the fault.
absl::StatusOr<ReducedGraph> Reduce(const graph::Graph& graph, const ShowsFault& shows_fault,
                                    const ReduceOptions& options);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_TOOLS_REDUCER_H_
