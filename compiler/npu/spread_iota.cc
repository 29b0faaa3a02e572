#include "compiler/npu/spread_iota.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "framework/graph/attributes.h"
#include "framework/graph/types.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Node;

// Appends the short iota and the broadcast that makes the node's result of it.
absl::Status Spread(const Node& node, graph::Graph* graph) {
  const graph::Value& result = graph->values(static_cast<int>(node.outputs(0)));
  const graph::TensorType type = graph::TypeOf(result);
  STRATA_ASSIGN_OR_RETURN(
      const int64_t axis,
      graph::NormalizeAxis(graph::AttributeReader(node).Int("axis"), type.rank()));
  graph::TensorType row = {type.dtype, graph::Shape(type.shape.size(), 1)};
  row.shape[static_cast<size_t>(axis)] = type.shape[static_cast<size_t>(axis)];
  graph::Value value;
  value.set_name(absl::StrCat(result.name(), ".row"));
  graph::SetType(row, &value);
  const uint32_t id = static_cast<uint32_t>(graph->values_size());
  *graph->add_values() = value;

  Node iota = node;
  iota.set_outputs(0, id);
  graph::Attributes attributes = graph::GetAttributes(iota);
  attributes["dims"] = Attr(row.shape);
  graph::SetAttributes(attributes, &iota);
  *graph->add_nodes() = iota;
  Node broadcast;
  broadcast.set_op("broadcast_to");
  broadcast.set_origin(node.origin());
  broadcast.add_inputs(id);
  broadcast.add_outputs(node.outputs(0));
  graph::SetAttributes({{"dims", Attr(type.shape)}}, &broadcast);
  *graph->add_nodes() = broadcast;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<graph::Graph> SpreadIotas(const graph::Graph& graph) {
  std::set<uint32_t> results;
  for (const graph::Output& output : graph.outputs()) results.insert(output.value());
  graph::Graph spread = graph;
  spread.clear_nodes();
  for (const Node& node : graph.nodes()) {
    if (node.op() == "iota" && results.count(node.outputs(0)) != 0) {
      STRATA_RETURN_IF_ERROR(Spread(node, &spread));
    } else {
      *spread.add_nodes() = node;
    }
  }
  return spread;
}

}  // namespace strata::compiler
