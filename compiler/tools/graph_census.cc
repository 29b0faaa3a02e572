#include "compiler/tools/graph_census.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "framework/graph/types.h"

namespace strata::compiler {
namespace {

using graph::Graph;
using graph::Node;

struct Entry {
  std::string op;
  // What the node computes, by the names of its operands; without its origin and its region.
  std::string content;
};

// By the name of the first result, and a number where regions use a name again.
using Census = std::map<std::pair<std::string, int>, Entry>;

const std::string& NameOf(const Graph& graph, uint32_t id) {
  return graph.values(static_cast<int>(id)).name();
}

std::string ContentOf(const Graph& graph, const Node& node) {
  std::string content = node.op();
  for (uint32_t id : node.inputs()) absl::StrAppend(&content, " %", NameOf(graph, id));
  for (uint32_t id : node.outputs()) {
    absl::StrAppend(&content, " ", graph::TypeOf(graph.values(static_cast<int>(id))).ToString());
  }
  for (const graph::Attribute& attribute : node.attributes()) {
    content.push_back('|');
    attribute.AppendToString(&content);
  }
  return content;
}

void Count(const Graph& graph, std::map<std::string, int>* uses, Census* census) {
  for (const Node& node : graph.nodes()) {
    const std::string name = node.outputs_size() > 0 ? NameOf(graph, node.outputs(0)) : node.op();
    census->emplace(std::pair(name, (*uses)[name]++), Entry{node.op(), ContentOf(graph, node)});
    for (const Graph& region : node.regions()) Count(region, uses, census);
  }
}

Census CensusOf(const Graph& graph) {
  Census census;
  std::map<std::string, int> uses;
  Count(graph, &uses, &census);
  return census;
}

// " (61 mul, 19 add)", most first.
std::string OpsText(const std::map<std::string, int>& ops) {
  std::vector<std::pair<int, std::string>> rows;
  for (const auto& [op, count] : ops) rows.push_back({-count, op});
  std::sort(rows.begin(), rows.end());
  const auto print = [](std::string* out, const std::pair<int, std::string>& row) {
    absl::StrAppend(out, -row.first, " ", row.second);
  };
  return rows.empty() ? "" : absl::StrCat(" (", absl::StrJoin(rows, ", ", print), ")");
}

}  // namespace

GraphChange CompareGraphs(const Graph& before, const Graph& after) {
  const Census old_nodes = CensusOf(before), new_nodes = CensusOf(after);
  GraphChange change;
  change.before = static_cast<int>(old_nodes.size());
  change.after = static_cast<int>(new_nodes.size());
  change.kernels_before = before.nodes_size();
  change.kernels_after = after.nodes_size();
  for (const auto& [name, entry] : new_nodes) {
    const auto old_node = old_nodes.find(name);
    if (old_node == old_nodes.end()) {
      ++change.added;
      ++change.added_ops[entry.op];
    } else {
      change.changed += old_node->second.content != entry.content;
    }
  }
  for (const auto& [name, entry] : old_nodes) {
    if (new_nodes.count(name) != 0) continue;
    ++change.removed;
    ++change.removed_ops[entry.op];
  }
  return change;
}

std::string GraphChange::ToString() const {
  std::string text = absl::StrCat(before, " -> ", after, " nodes (", kernels_before, " -> ",
                                  kernels_after, " outside of regions): ");
  if (!any()) return text + "the same nodes";
  return absl::StrCat(text, added, " added", OpsText(added_ops), ", ", removed, " removed",
                      OpsText(removed_ops), ", ", changed, " changed");
}

}  // namespace strata::compiler
