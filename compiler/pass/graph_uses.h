// GraphUses: who makes each value of a graph and who reads it; what pattern matchers ask.
//
//   const GraphUses uses(graph);
//   const graph::Node* product = uses.Maker(value, "matmul");    // nullptr when another op makes it
//
// Indices into graph.nodes(); the graph must stay unchanged. Linear in the graph.
#ifndef STRATA_COMPILER_PASS_GRAPH_USES_H_
#define STRATA_COMPILER_PASS_GRAPH_USES_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {

class GraphUses {
 public:
  explicit GraphUses(const graph::Graph& graph);

  const graph::Graph& graph() const { return graph_; }
  const graph::Node& node(int n) const { return graph_.nodes(n); }
  graph::TensorType type(graph::ValueId value) const;

  // The node that makes a value; -1 for inputs.
  int maker(graph::ValueId value) const { return maker_[value]; }
  // The same as a node, when it is this op ("": any).
  const graph::Node* Maker(graph::ValueId value, absl::string_view op = "") const;
  // Nodes that read a value, sorted, each once.
  const std::vector<int>& readers(graph::ValueId value) const { return readers_[value]; }
  bool is_output(graph::ValueId value) const { return is_output_[value]; }

 private:
  const graph::Graph& graph_;
  std::vector<int> maker_;
  std::vector<std::vector<int>> readers_;
  std::vector<bool> is_output_;
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_GRAPH_USES_H_
