#include "compiler/pass/split_reduction.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/loop/lower.h"
#include "framework/graph/attributes.h"
#include "framework/graph/types.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Node;

constexpr int64_t kLarge = 65536;  // elements that one thread may reduce alone
constexpr int64_t kMinRow = 256;   // elements of a row of the first step

// The first axis of the row part; 0 when the reduction stays whole.
int SplitAxis(const graph::Graph& graph, const Node& node) {
  if (!loop::IsReductionOp(node.op())) return 0;
  const graph::TensorType type = graph::TypeOf(graph.values(static_cast<int>(node.inputs(0))));
  if (!type.concrete() || type.elements() < kLarge) return 0;
  const std::vector<int64_t> axes = graph::AttributeReader(node).Ints("axes");
  const std::vector<int64_t> dims = type.dims();
  std::set<int64_t> reduced;
  for (int64_t axis : axes) reduced.insert(axis < 0 ? axis + type.rank() : axis);
  for (int64_t d = 0; d < type.rank(); ++d) {
    if (dims[static_cast<size_t>(d)] != 1 && reduced.count(d) == 0) return 0;
  }
  int64_t row = 1;
  for (size_t d = dims.size(); d-- > 1;) {
    row *= dims[d];
    if (row >= kMinRow) return type.elements() / row > 1 ? static_cast<int>(d) : 0;
  }
  return 0;
}

}  // namespace

bool SplitFullReductions(graph::Graph* graph) {
  bool changed = false;
  std::set<std::string> names;
  google::protobuf::RepeatedPtrField<Node> nodes;
  for (int n = 0; n < graph->nodes_size(); ++n) {
    Node& node = *graph->mutable_nodes(n);
    const int split = SplitAxis(*graph, node);
    if (split == 0) {
      *nodes.Add() = std::move(node);
      continue;
    }
    if (names.empty()) {
      for (const graph::Value& value : graph->values()) names.insert(value.name());
    }
    changed = true;
    // Step 1: the axes from `split` on, kept as ones.
    const graph::Value& operand = graph->values(static_cast<int>(node.inputs(0)));
    graph::TensorType rows = graph::TypeOf(operand);
    const int64_t rank = rows.rank();
    std::vector<int64_t> first_axes;
    for (int64_t d = split; d < rank; ++d) {
      first_axes.push_back(d);
      rows.shape[static_cast<size_t>(d)] = 1;
    }
    std::string name =
        absl::StrCat(graph->values(static_cast<int>(node.outputs(0))).name(), ".rows");
    while (!names.insert(name).second) name += "_";
    const uint32_t id = static_cast<uint32_t>(graph->values_size());
    graph::Value* value = graph->add_values();
    value->set_name(name);
    graph::SetType(rows, value);
    Node* first = nodes.Add();
    *first = node;
    graph::SetAttributes({{"axes", Attr(first_axes)}, {"keep_dims", Attr(true)}}, first);
    first->set_outputs(0, id);
    // Step 2: the node as it was, over the ones too.
    Node* second = nodes.Add();
    *second = std::move(node);
    second->set_inputs(0, id);
  }
  graph->mutable_nodes()->Swap(&nodes);
  return changed;
}

}  // namespace strata::compiler
