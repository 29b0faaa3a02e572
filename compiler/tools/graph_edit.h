// Edits that make a graph smaller, for a reducer. Each keeps what it is not asked to change (names, origins, order)
// and gives a verified graph without dead nodes, or the fault that makes the edit impossible.
//
//   absl::StatusOr<graph::Graph> smaller = CutNodes(graph, {.begin = 4, .end = 9});
//   if (smaller.ok() && StillFails(*smaller)) graph = *std::move(smaller);
#ifndef STRATA_COMPILER_TOOLS_GRAPH_EDIT_H_
#define STRATA_COMPILER_TOOLS_GRAPH_EDIT_H_

#include <cstdint>
#include <functional>
#include <string>

#include "base/status.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

// Positions [begin, end) of a list.
struct Range {
  int begin = 0, end = 0;
  bool contains(int i) const { return begin <= i && i < end; }
};

// Without nodes that no output needs, and without inputs that nothing reads, updates or returns.
absl::StatusOr<graph::Graph> Prune(graph::Graph graph);

// Without these outputs, and without the updates that need them.
absl::StatusOr<graph::Graph> DropOutputs(const graph::Graph& graph, Range outputs);

// Without these updates; their outputs stay.
absl::StatusOr<graph::Graph> DropUpdates(const graph::Graph& graph, Range updates);

// The results of these nodes become DATA inputs.
absl::StatusOr<graph::Graph> CutNodes(const graph::Graph& graph, Range nodes);

// Whoever reads result `output` of the node reads its operand `input` instead. INVALID_ARGUMENT when their types
// differ.
absl::StatusOr<graph::Graph> BypassNode(const graph::Graph& graph, int node, int output, int input);

// The nodes of a node's first region in place of the node (its values renamed where a name is taken).
absl::StatusOr<graph::Graph> InlineRegion(const graph::Graph& graph, int node);

// Another region for a node: inputs that it shares by name with the old one keep their operands, new ones become DATA
// inputs of the graph; results that it no longer has become DATA inputs where they are read.
absl::StatusOr<graph::Graph> ReplaceRegion(const graph::Graph& graph, int node,
                                           const graph::Graph& region);

// Every size of inputs and of attributes that hold dims goes through `resize`, and all types are inferred anew. Slices
// are fitted to what they cut. INVALID_ARGUMENT when an op does not take the new sizes.
using Resize = std::function<int64_t(int64_t size)>;
absl::StatusOr<graph::Graph> ResizeDims(const graph::Graph& graph, const Resize& resize);

// One dim of one input.
absl::StatusOr<graph::Graph> ResizeInput(const graph::Graph& graph, int input, int dim,
                                         int64_t size);

// All nodes, with those in regions.
int CountNodes(const graph::Graph& graph);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_TOOLS_GRAPH_EDIT_H_
