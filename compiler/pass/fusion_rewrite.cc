#include "compiler/pass/fusion_rewrite.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "compiler/pass/fusion_region.h"
#include "compiler/pass/node_order.h"
#include "compiler/pass/rewriter.h"
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

// Bytes that the members would read and write one by one, less those of the group. Constants are no
// traffic.
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

Node MakeNode(const Graph& graph, const FusionGroup& group) {
  const std::string kind = loop::KindName(group.kind);
  Node fusion = MakeFusion(graph, kind, group.members, group.exports);
  graph::SetAttributes(
      {{"bytes_saved", Attr(BytesSaved(graph, group, fusion))}, {"kind", Attr(kind)}}, &fusion);
  return fusion;
}

// The new graph's nodes, by where they stand.
std::vector<std::pair<int, Node>> MakeNodes(const Graph& graph, const FusionGroups& found) {
  std::vector<std::pair<int, Node>> nodes;
  for (int n : found.alone) nodes.push_back({n, graph.nodes(n)});
  // A group stands where its first result was made.
  for (const FusionGroup& group : found.groups)
    nodes.push_back({group.exports.front(), MakeNode(graph, group)});
  std::stable_sort(nodes.begin(), nodes.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  return nodes;
}

// Takes apart the smallest group that is not in `ordered`: its members stand alone again, save what
// another group makes.
void BreakCircle(const std::vector<std::pair<int, Node>>& nodes, const std::vector<size_t>& ordered,
                 FusionGroups* found) {
  std::set<int> stuck;
  for (const auto& [n, node] : nodes) stuck.insert(n);
  for (size_t i : ordered) stuck.erase(nodes[i].first);
  auto smallest = found->groups.end();
  for (auto group = found->groups.begin(); group != found->groups.end(); ++group) {
    if (stuck.count(group->exports.front()) == 0) continue;
    if (smallest == found->groups.end() || group->members.size() < smallest->members.size())
      smallest = group;
  }
  if (smallest == found->groups.end()) return;
  std::set<int> alone(smallest->members.begin(), smallest->members.end());
  found->groups.erase(smallest);
  for (const FusionGroup& group : found->groups) {
    for (int n : group.exports) alone.erase(n);
  }
  alone.insert(found->alone.begin(), found->alone.end());
  found->alone.assign(alone.begin(), alone.end());
}

}  // namespace

void WriteFusionNodes(FusionGroups found, Graph* graph) {
  std::vector<std::pair<int, Node>> nodes = MakeNodes(*graph, found);
  std::vector<size_t> ordered = InOrder(*graph, nodes);
  // The search that keeps groups free of circles looks at the old order of nodes, which groups may
  // turn round.
  while (ordered.size() != nodes.size() && !found.groups.empty()) {
    BreakCircle(nodes, ordered, &found);
    nodes = MakeNodes(*graph, found);
    ordered = InOrder(*graph, nodes);
  }
  graph->clear_nodes();
  for (size_t i : ordered) *graph->add_nodes() = std::move(nodes[i].second);
  DropUnmadeValues(graph);
}

}  // namespace strata::compiler
