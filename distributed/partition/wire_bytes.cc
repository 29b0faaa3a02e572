#include "distributed/partition/wire_bytes.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "framework/graph/attributes.h"
#include "framework/graph/op_def.h"

namespace strata::distributed {
namespace {

using graph::Node;

// "" is all ranks.
absl::StatusOr<int64_t> GroupSize(const std::string& group, const Mesh& mesh) {
  if (group.empty()) return mesh.ranks();
  AxisList axes;
  for (const std::string& name : std::vector<std::string>(absl::StrSplit(group, ','))) {
    axes.push_back(mesh.Find(name));
    if (axes.back() < 0)
      return absl::InvalidArgumentError(absl::StrCat("group: there is no mesh axis '", name, "'"));
  }
  return mesh.Size(axes);
}

// Sent by all n ranks of a group.
int64_t GroupBytes(const Node& node, int64_t n, int64_t b) {
  const std::string& op = node.op();
  if (op == "all_reduce") return 2 * (n - 1) * b;
  if (op == "all_gather") return (n - 1) * n * b;
  if (op == "collective_permute")
    return graph::AttributeReader(node).Int("offset") % n == 0 ? 0 : n * b;
  if (op == "shard" || op == "rank_index") return 0;
  return (n - 1) * b;
}

}  // namespace

absl::StatusOr<std::map<std::pair<std::string, std::string>, Traffic>> WireBytes(
    const graph::Graph& rank_graph, const Mesh& mesh) {
  std::map<std::pair<std::string, std::string>, Traffic> traffic;
  for (int i = 0; i < rank_graph.nodes_size(); ++i) {
    const Node& node = rank_graph.nodes(i);
    const graph::OpDef* def = graph::OpRegistry::Get().Find(node.op());
    if (def == nullptr || def->op_class != graph::OpClass::kCollective) continue;
    const std::string where = absl::StrCat("nodes[", i, "] (", node.op(), ")");
    const std::string group = graph::AttributeReader(node).String("group");
    absl::StatusOr<int64_t> n = GroupSize(group, mesh);
    if (!n.ok()) return Annotate(n.status(), where);
    int64_t bytes = 0;
    if (node.inputs_size() > 0) {
      const graph::TensorType type =
          graph::TypeOf(rank_graph.values(static_cast<int>(node.inputs(0))));
      if (!type.concrete()) {
        return absl::InvalidArgumentError(
            absl::StrCat(where, ": ", type.ToString(), " has symbols; bind them first"));
      }
      bytes = type.size_bytes();
    }
    Traffic& entry = traffic[{node.op(), group}];
    ++entry.calls;
    entry.bytes += mesh.ranks() / *n * GroupBytes(node, *n, bytes);
  }
  return traffic;
}

int64_t TotalBytes(const std::map<std::pair<std::string, std::string>, Traffic>& traffic) {
  int64_t total = 0;
  for (const auto& [key, entry] : traffic) total += entry.bytes;
  return total;
}

std::string ToString(const std::map<std::pair<std::string, std::string>, Traffic>& traffic) {
  std::string text;
  for (const auto& [key, entry] : traffic) {
    absl::StrAppend(&text, key.first, " ", key.second, ": ", entry.calls, " calls, ", entry.bytes,
                    " bytes\n");
  }
  return text;
}

}  // namespace strata::distributed
