#include "distributed/partition/wire_bytes.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "distributed/collective/algorithm_table.h"
#include "framework/graph/attributes.h"
#include "framework/graph/op_def.h"

namespace strata::distributed {
namespace {

using graph::Node;

graph::TensorType TypeAt(const graph::Graph& graph, uint32_t value) {
  return graph::TypeOf(graph.values(static_cast<int>(value)));
}

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
int64_t BytesOfNode(const graph::Graph& graph, const Node& node, int64_t n,
                    absl::string_view algorithm) {
  if (node.inputs().empty()) return 0;  // rank_index
  const std::string& op = node.op();
  const graph::TensorType in = TypeAt(graph, node.inputs(0)), out = TypeAt(graph, node.outputs(0));
  const auto bytes = [&](Verb verb, int64_t count) {
    return BytesOfCall(verb, algorithm,
                       {static_cast<int>(n), count, static_cast<int64_t>(chips::SizeOf(in.dtype))});
  };
  if (op == "all_reduce") return bytes(Verb::kAllReduce, in.elements());
  if (op == "all_gather") return bytes(Verb::kAllGather, in.elements());
  if (op == "reduce_scatter") return bytes(Verb::kReduceScatter, out.elements());
  if (op == "broadcast") return bytes(Verb::kBroadcast, in.elements());
  if (op == "all_to_all") return bytes(Verb::kAllToAll, in.elements() / n);
  const bool moves =
      op == "collective_permute" && graph::AttributeReader(node).Int("offset") % n != 0;
  return moves ? n * in.size_bytes() : 0;
}

}  // namespace

int64_t BytesOfCall(Verb verb, absl::string_view algorithm, const CallShape& shape) {
  if (shape.ranks < 2) return 0;
  return AlgorithmOrDefault(verb, algorithm, shape).wire_bytes(shape);
}

absl::StatusOr<std::map<std::pair<std::string, std::string>, Traffic>> WireBytes(
    const graph::Graph& rank_graph, const Mesh& mesh, absl::string_view algorithm) {
  const std::vector<std::string> names = AlgorithmNames();
  if (std::find(names.begin(), names.end(), algorithm) == names.end())
    return absl::NotFoundError(absl::StrCat("'", algorithm, "' is no algorithm with a formula"));
  std::map<std::pair<std::string, std::string>, Traffic> traffic;
  for (int i = 0; i < rank_graph.nodes_size(); ++i) {
    const Node& node = rank_graph.nodes(i);
    const graph::OpDef* def = graph::OpRegistry::Get().Find(node.op());
    if (def == nullptr || def->op_class != graph::OpClass::kCollective) continue;
    const std::string where = absl::StrCat("nodes[", i, "] (", node.op(), ")");
    const std::string group = graph::AttributeReader(node).String("group");
    absl::StatusOr<int64_t> n = GroupSize(group, mesh);
    if (!n.ok()) return Annotate(n.status(), where);
    for (const uint32_t input : node.inputs()) {
      const graph::TensorType type = TypeAt(rank_graph, input);
      if (type.concrete()) continue;
      return absl::InvalidArgumentError(
          absl::StrCat(where, ": ", type.ToString(), " has symbols; bind them first"));
    }
    Traffic& entry = traffic[{node.op(), group}];
    ++entry.calls;
    entry.bytes += mesh.ranks() / *n * BytesOfNode(rank_graph, node, *n, algorithm);
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
