// ResizeDims and ResizeInput of graph_edit.h: new sizes go in at the inputs and attributes, types follow by inference.
#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/tools/graph_edit.h"
#include "framework/graph/attributes.h"
#include "framework/graph/op_def.h"
#include "framework/graph/types.h"

namespace strata::compiler {
namespace {

using graph::Graph;
using graph::Node;
using graph::TensorType;

void ResizeType(const Resize& resize, google::protobuf::RepeatedPtrField<graph::Dim>* dims) {
  for (graph::Dim& dim : *dims) {
    if (dim.has_size()) dim.set_size(resize(dim.size()));
  }
}

// The piece that is cut keeps to the piece's new size, and its start moves in with the end.
void FitSlice(const TensorType& operand, const Resize& resize, Node* node) {
  const graph::AttributeReader attrs(*node);
  const auto axis = graph::NormalizeAxis(attrs.Int("axis"), operand.rank());
  if (!axis.ok()) return;
  const graph::Size& extent = operand.shape[static_cast<size_t>(*axis)];
  if (extent.is_symbol()) return;
  const int64_t start = attrs.Int("start"), length = attrs.Int("limit") - start;
  const int64_t new_length = std::min(resize(length), extent.size());
  const int64_t new_start = std::min(start, extent.size() - new_length);
  graph::Attributes attributes = graph::GetAttributes(*node);
  attributes["start"] = graph::Attr(new_start);
  attributes["limit"] = graph::Attr(new_start + new_length);
  graph::SetAttributes(attributes, node);
}

// Types of everything from those of the inputs on.
absl::Status Infer(const Resize& resize, Graph* graph) {
  for (Node& node : *graph->mutable_nodes()) {
    for (graph::Attribute& attribute : *node.mutable_attributes()) {
      if (attribute.has_dims()) ResizeType(resize, attribute.mutable_dims()->mutable_values());
    }
    graph::OpCall call = graph::CallOf(*graph, node);
    call.outputs.clear();
    if (node.op() == "slice") FitSlice(call.inputs[0], resize, &node);
    for (Graph& region : *node.mutable_regions()) {
      for (int i = 0; i < region.inputs_size(); ++i) {
        const int id = static_cast<int>(region.inputs(i).value());
        SetType(call.inputs[static_cast<size_t>(i)], region.mutable_values(id));
      }
      STRATA_RETURN_IF_ERROR(Infer(resize, &region));
    }
    STRATA_ASSIGN_OR_RETURN(const graph::OpDef* def, graph::OpRegistry::Get().Lookup(node.op()));
    STRATA_ASSIGN_OR_RETURN(const std::vector<TensorType> types, graph::InferTypes(*def, call));
    for (int k = 0; k < node.outputs_size(); ++k)
      SetType(types[static_cast<size_t>(k)],
              graph->mutable_values(static_cast<int>(node.outputs(k))));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Graph> ResizeDims(const Graph& graph, const Resize& resize) {
  Graph result = graph;
  for (const auto& input : result.inputs()) {
    ResizeType(resize, result.mutable_values(static_cast<int>(input.value()))->mutable_dims());
  }
  STRATA_RETURN_IF_ERROR(Infer(resize, &result));
  return Prune(std::move(result));
}

absl::StatusOr<Graph> ResizeInput(const Graph& graph, int input, int dim, int64_t size) {
  Graph result = graph;
  const int id = static_cast<int>(graph.inputs(input).value());
  if (!graph.values(id).dims(dim).has_size())
    return absl::InvalidArgumentError("the dim is a symbol");
  result.mutable_values(id)->mutable_dims(dim)->set_size(size);
  STRATA_RETURN_IF_ERROR(Infer([](int64_t same) { return same; }, &result));
  return Prune(std::move(result));
}

}  // namespace strata::compiler
