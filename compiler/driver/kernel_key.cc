#include "compiler/driver/kernel_key.h"

#include "absl/strings/str_cat.h"
#include "compiler/codegen/emit.h"

namespace strata::compiler {
namespace {

using graph::Graph;
using graph::Node;

// A graph without what does not change its kernel.
void StripNames(Graph* graph) {
  graph->clear_name();
  for (graph::Value& value : *graph->mutable_values()) {
    value.clear_name();
    value.clear_gradient_of();
  }
  for (graph::Output& output : *graph->mutable_outputs()) output.clear_name();
  for (Node& node : *graph->mutable_nodes()) {
    node.clear_origin();
    for (Graph& region : *node.mutable_regions()) StripNames(&region);
  }
}

void AppendType(const graph::Value& value, std::string* key) {
  absl::StrAppend(key, ";", value.dtype());
  for (const graph::Dim& dim : value.dims()) absl::StrAppend(key, ",", dim.size());
}

}  // namespace

std::string KernelKey(const Graph& graph, const Node& node) {
  std::string key = node.op();
  for (uint32_t id : node.inputs()) AppendType(graph.values(static_cast<int>(id)), &key);
  key += "->";
  for (uint32_t id : node.outputs()) AppendType(graph.values(static_cast<int>(id)), &key);
  for (const graph::Attribute& attribute : node.attributes()) {
    key.push_back('|');
    attribute.AppendToString(&key);
  }
  for (Graph region : node.regions()) {
    StripNames(&region);
    key.push_back('{');
    region.AppendToString(&key);
  }
  return key;
}

std::string RegionKey(const Graph& region) {
  Graph nameless = region;
  StripNames(&nameless);
  return nameless.SerializeAsString();
}

Graph KernelReference(const Graph& graph, const Node& node) {
  Graph region = RegionOf(graph, node);
  for (Node& inner : *region.mutable_nodes()) inner.clear_origin();
  return region;
}

}  // namespace strata::compiler
