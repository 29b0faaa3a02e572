#include "compiler/pass/packed_fusion.h"

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "compiler/pass/rewriter.h"
#include "framework/graph/attributes.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Graph;
using graph::Node;
using graph::ValueId;

// What the members of a group have in common.
using Key = std::tuple<ValueId, std::string, std::string>;  // x, format, layout

Key KeyOf(const Node& node) {
  const graph::AttributeReader attributes(node);
  return {node.inputs(0), attributes.String("format"), attributes.String("layout")};
}

// Indices of nodes, in order. A node joins the first one of its key whose place has its weights already.
std::vector<std::vector<int>> FindGroups(const Graph& graph) {
  std::vector<int> made(static_cast<size_t>(graph.values_size()), -1);  // by which node
  std::map<Key, size_t> open;
  std::vector<std::vector<int>> groups;
  for (int i = 0; i < graph.nodes_size(); ++i) {
    const Node& node = graph.nodes(i);
    for (uint32_t output : node.outputs()) made[output] = i;
    if (node.op() != "matmul_packed") continue;
    const auto [it, fresh] = open.emplace(KeyOf(node), groups.size());
    if (fresh) {
      groups.push_back({i});
    } else if (made[node.inputs(1)] < groups[it->second][0]) {
      groups[it->second].push_back(i);
    }
  }
  return groups;
}

Node GroupOf(const Graph& graph, const std::vector<int>& members) {
  Node group = graph.nodes(members[0]);
  group.set_op("matmul_packed_group");
  std::vector<int64_t> n;
  for (int member : members) {
    const Node& node = graph.nodes(member);
    n.push_back(graph::AttributeReader(node).Int("n"));
    if (member == members[0]) continue;
    group.add_inputs(node.inputs(1));
    group.add_outputs(node.outputs(0));
    JoinOrigin(node.origin(), group.mutable_origin());
  }
  graph::Attributes attributes = graph::GetAttributes(group);
  attributes["n"] = Attr(n);
  graph::SetAttributes(attributes, &group);
  return group;
}

class PackedFusion : public Pass {
 public:
  absl::string_view name() const override { return "packed_fusion"; }

  absl::StatusOr<bool> Run(const PassContext&, Graph* graph) override {
    std::map<int, std::vector<int>> by_first;
    std::set<int> joined;  // later members
    for (const std::vector<int>& members : FindGroups(*graph)) {
      if (members.size() < 2) continue;
      by_first[members[0]] = members;
      joined.insert(members.begin() + 1, members.end());
    }
    Rewriter rewriter(graph);
    for (int i = 0; i < rewriter.source().nodes_size(); ++i) {
      const auto group = by_first.find(i);
      if (group != by_first.end()) {
        rewriter.Keep(GroupOf(rewriter.source(), group->second));
        rewriter.MarkChanged();
      } else if (joined.count(i) == 0) {
        rewriter.Keep(rewriter.source().nodes(i));
      }
    }
    return rewriter.Finish(graph);
  }
};

}  // namespace

std::unique_ptr<Pass> CreatePackedFusion() { return std::make_unique<PackedFusion>(); }

}  // namespace strata::compiler
