#include "compiler/pass/graph_uses.h"

namespace strata::compiler {

GraphUses::GraphUses(const graph::Graph& graph)
    : graph_(graph),
      maker_(static_cast<size_t>(graph.values_size()), -1),
      readers_(maker_.size()),
      is_output_(maker_.size(), false) {
  for (int n = 0; n < graph.nodes_size(); ++n) {
    for (uint32_t output : graph.nodes(n).outputs()) maker_[output] = n;
    for (uint32_t input : graph.nodes(n).inputs()) {
      if (readers_[input].empty() || readers_[input].back() != n) readers_[input].push_back(n);
    }
  }
  for (const graph::Output& output : graph.outputs()) is_output_[output.value()] = true;
}

graph::TensorType GraphUses::type(graph::ValueId value) const {
  return graph::TypeOf(graph_.values(static_cast<int>(value)));
}

const graph::Node* GraphUses::Maker(graph::ValueId value, absl::string_view op) const {
  if (maker_[value] < 0) return nullptr;
  const graph::Node& node = graph_.nodes(maker_[value]);
  return op.empty() || node.op() == op ? &node : nullptr;
}

}  // namespace strata::compiler
