#include "framework/tensor/evaluate.h"

#include <utility>

namespace strata::framework {
namespace {

// Which values are needed to make `value`.
std::vector<bool> FindNeeded(const graph::Graph& graph, graph::ValueId value) {
  std::vector<bool> needed(static_cast<size_t>(graph.values_size()), false);
  needed[value] = true;
  for (int i = graph.nodes_size(); i-- > 0;) {
    const graph::Node& node = graph.nodes(i);
    bool used = false;
    for (uint32_t output : node.outputs()) used = used || needed[output];
    if (!used) continue;
    for (uint32_t id : node.outputs()) needed[id] = true;  // outputs of one node stay together
    for (uint32_t id : node.inputs()) needed[id] = true;
  }
  return needed;
}

}  // namespace

graph::Graph ExtractSubgraph(const graph::Graph& graph, graph::ValueId value) {
  const std::vector<bool> needed = FindNeeded(graph, value);
  graph::Graph part;
  part.set_version(graph.version());
  part.set_name(graph.name());
  std::vector<uint32_t> renumbered(needed.size(), graph::kNoValue);
  for (size_t id = 0; id < needed.size(); ++id) {
    if (!needed[id]) continue;
    renumbered[id] = static_cast<uint32_t>(part.values_size());
    *part.add_values() = graph.values(static_cast<int>(id));
  }
  for (const graph::Input& input : graph.inputs()) {
    if (!needed[input.value()]) continue;
    graph::Input* kept = part.add_inputs();
    *kept = input;
    kept->set_value(renumbered[input.value()]);
  }
  for (const graph::Node& node : graph.nodes()) {
    if (node.outputs().empty() || !needed[node.outputs(0)]) continue;
    graph::Node* kept = part.add_nodes();
    *kept = node;
    for (uint32_t& id : *kept->mutable_inputs()) id = renumbered[id];
    for (uint32_t& id : *kept->mutable_outputs()) id = renumbered[id];
  }
  graph::Output* output = part.add_outputs();
  output->set_value(renumbered[value]);
  output->set_name("value");
  output->set_combine(graph::REPLICATED);
  return part;
}

absl::StatusOr<graph::HostTensor> Evaluate(const Tensor& tensor, graph::Evaluator& evaluator,
                                           const std::map<std::string, graph::HostTensor>& inputs) {
  if (tensor.builder() == nullptr)
    return absl::InvalidArgumentError("an empty Tensor has no value");
  STRATA_RETURN_IF_ERROR(tensor.builder()->status());
  if (!tensor.valid()) return absl::InvalidArgumentError("an empty Tensor has no value");
  const graph::Graph part = ExtractSubgraph(tensor.builder()->graph(), tensor.id());
  std::vector<graph::HostTensor> bound;
  for (const graph::Input& input : part.inputs()) {
    const std::string& name = part.values(static_cast<int>(input.value())).name();
    auto it = inputs.find(name);
    if (it == inputs.end()) {
      return absl::NotFoundError(absl::StrCat("input '", name, "' is not bound; give it a value"));
    }
    bound.push_back(it->second);
  }
  STRATA_ASSIGN_OR_RETURN(std::vector<graph::HostTensor> results, evaluator.Evaluate(part, bound));
  return std::move(results[0]);
}

}  // namespace strata::framework
