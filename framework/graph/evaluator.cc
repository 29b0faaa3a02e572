#include "framework/graph/evaluator.h"

#include "framework/graph/types.h"

namespace strata::graph {
namespace {

absl::Status MatchInput(const Value& value, const HostTensor& input,
                        std::map<std::string, int64_t>* sizes) {
  const TensorType type = TypeOf(value);
  const std::string complaint = absl::StrCat("input '", value.name(), "': is ", input.TypeString(),
                                             "; the graph asks for ", type.ToString());
  if (input.dtype() != type.dtype || input.rank() != type.rank())
    return absl::InvalidArgumentError(complaint);
  for (size_t d = 0; d < type.shape.size(); ++d) {
    const int64_t size = input.dims()[d];
    if (!type.shape[d].is_symbol()) {
      if (type.shape[d].size() != size) return absl::InvalidArgumentError(complaint);
      continue;
    }
    auto [it, fresh] = sizes->emplace(type.shape[d].symbol(), size);
    if (!fresh && it->second != size) {
      return absl::InvalidArgumentError(
          absl::StrCat(complaint, ", but ", it->first, " is ", it->second, " from another input"));
    }
  }
  return absl::OkStatus();
}

void BindDim(const std::map<std::string, int64_t>& sizes, Dim* dim) {
  if (!dim->has_symbol()) return;
  auto it = sizes.find(dim->symbol());
  if (it != sizes.end()) dim->set_size(it->second);
}

void BindNode(const std::map<std::string, int64_t>& sizes, Node* node);

void BindGraph(const std::map<std::string, int64_t>& sizes, Graph* graph) {
  for (Value& value : *graph->mutable_values()) {
    for (Dim& dim : *value.mutable_dims()) BindDim(sizes, &dim);
  }
  for (Node& node : *graph->mutable_nodes()) BindNode(sizes, &node);
}

void BindNode(const std::map<std::string, int64_t>& sizes, Node* node) {
  for (Attribute& attribute : *node->mutable_attributes()) {
    if (!attribute.has_dims()) continue;
    for (Dim& dim : *attribute.mutable_dims()->mutable_values()) BindDim(sizes, &dim);
  }
  for (Graph& region : *node->mutable_regions()) BindGraph(sizes, &region);
}

}  // namespace

absl::StatusOr<std::map<std::string, int64_t>> MatchInputs(const Graph& graph,
                                                           absl::Span<const HostTensor> inputs) {
  if (static_cast<size_t>(graph.inputs_size()) != inputs.size()) {
    return absl::InvalidArgumentError(absl::StrCat("graph '", graph.name(), "' takes ",
                                                   graph.inputs_size(), " inputs; ", inputs.size(),
                                                   " were given"));
  }
  std::map<std::string, int64_t> sizes;
  for (int i = 0; i < graph.inputs_size(); ++i) {
    const Value& value = graph.values(static_cast<int>(graph.inputs(i).value()));
    STRATA_RETURN_IF_ERROR(MatchInput(value, inputs[static_cast<size_t>(i)], &sizes));
  }
  return sizes;
}

absl::StatusOr<Graph> BindSymbols(const Graph& graph, const std::map<std::string, int64_t>& sizes) {
  for (const auto& [symbol, size] : sizes) {
    if (size < 0)
      return absl::InvalidArgumentError(absl::StrCat(symbol, ": is ", size, "; must be >= 0"));
  }
  Graph bound = graph;
  BindGraph(sizes, &bound);
  return bound;
}

}  // namespace strata::graph
