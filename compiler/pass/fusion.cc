#include "compiler/pass/fusion.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "compiler/pass/fusion_groups.h"
#include "compiler/pass/rewriter.h"
#include "compiler/pass/split_reduction.h"
#include "framework/graph/attributes.h"
#include "framework/graph/types.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Graph;
using graph::Node;

int64_t BytesOf(const Graph& graph, uint32_t id) {
  return graph::TypeOf(graph.values(static_cast<int>(id))).size_bytes();
}

// Bytes that the members would read and write one by one, less those of the group. Constants are no traffic.
int64_t BytesSaved(const Graph& graph, const FusionGroup& group, const Node& fusion) {
  int64_t bytes = 0;
  for (int n : group.members) {
    const Node& node = graph.nodes(n);
    if (node.op() == "constant" || node.op() == "reshape") continue;
    for (uint32_t id : node.inputs()) bytes += BytesOf(graph, id);
    for (uint32_t id : node.outputs()) bytes += BytesOf(graph, id);
  }
  for (uint32_t id : fusion.inputs()) bytes -= BytesOf(graph, id);
  for (uint32_t id : fusion.outputs()) bytes -= BytesOf(graph, id);
  return std::max<int64_t>(bytes, 0);
}

Node MakeFusion(const Graph& graph, const FusionGroup& group) {
  Node fusion;
  fusion.set_op("fusion");
  std::vector<uint32_t> inputs;
  *fusion.add_regions() = MakeRegion(graph, group, &inputs);
  fusion.mutable_inputs()->Add(inputs.begin(), inputs.end());
  for (int n : group.exports) fusion.add_outputs(graph.nodes(n).outputs(0));
  std::string origin;
  for (int n : group.members) {
    if (graph.nodes(n).op() != "constant" && !graph.nodes(n).origin().empty())
      JoinOrigin(graph.nodes(n).origin(), &origin);
  }
  fusion.set_origin(origin);
  graph::SetAttributes({{"bytes_saved", Attr(BytesSaved(graph, group, fusion))},
                        {"kind", Attr(loop::KindName(group.kind))}},
                       &fusion);
  return fusion;
}

// Nodes in dependency order; among those that are ready, the one that came first in the old graph.
std::vector<Node> InOrder(const Graph& graph, std::vector<std::pair<int, Node>> nodes) {
  std::sort(nodes.begin(), nodes.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<int> maker(static_cast<size_t>(graph.values_size()), -1);
  for (size_t n = 0; n < nodes.size(); ++n) {
    for (uint32_t id : nodes[n].second.outputs()) maker[id] = static_cast<int>(n);
  }
  std::vector<int> waits(nodes.size(), 0);
  std::vector<std::vector<int>> readers(nodes.size());
  for (size_t n = 0; n < nodes.size(); ++n) {
    for (uint32_t id : nodes[n].second.inputs()) {
      if (maker[id] < 0) continue;
      ++waits[n];
      readers[static_cast<size_t>(maker[id])].push_back(static_cast<int>(n));
    }
  }
  std::priority_queue<int, std::vector<int>, std::greater<int>> ready;
  for (size_t n = 0; n < nodes.size(); ++n) {
    if (waits[n] == 0) ready.push(static_cast<int>(n));
  }
  std::vector<Node> ordered;
  while (!ready.empty()) {
    const size_t n = static_cast<size_t>(ready.top());
    ready.pop();
    ordered.push_back(std::move(nodes[n].second));
    for (int reader : readers[n]) {
      if (--waits[static_cast<size_t>(reader)] == 0) ready.push(reader);
    }
  }
  return ordered;
}

class FusionPass : public Pass {
 public:
  absl::string_view name() const override { return "fusion"; }

  absl::StatusOr<bool> Run(const PassContext&, Graph* graph) override {
    const bool split = SplitFullReductions(graph);
    const FusionGroups found = FindFusionGroups(*graph);
    if (found.groups.empty()) return split;
    std::vector<std::pair<int, Node>> nodes;
    for (int n : found.alone) nodes.push_back({n, graph->nodes(n)});
    // A group stands where its first result was made.
    for (const FusionGroup& group : found.groups)
      nodes.push_back({group.exports.front(), MakeFusion(*graph, group)});
    const size_t count = nodes.size();
    std::vector<Node> ordered = InOrder(*graph, std::move(nodes));
    if (ordered.size() != count)
      return absl::InternalError("fusion: groups depend on each other in a circle");
    graph->clear_nodes();
    for (Node& node : ordered) *graph->add_nodes() = std::move(node);
    DropUnmadeValues(graph);
    return true;
  }
};

}  // namespace

std::unique_ptr<Pass> CreateFusionPass() { return std::make_unique<FusionPass>(); }

}  // namespace strata::compiler
