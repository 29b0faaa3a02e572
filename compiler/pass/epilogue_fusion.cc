#include "compiler/pass/epilogue_fusion.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "compiler/gemm/tile_access.h"
#include "compiler/pass/epilogue_nodes.h"
#include "compiler/pass/fusion_region.h"
#include "compiler/pass/graph_uses.h"
#include "compiler/pass/node_order.h"
#include "compiler/pass/rewriter.h"
#include "framework/graph/attributes.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Graph;
using graph::Node;

bool IsConcrete(const Graph& graph) {
  return std::all_of(graph.values().begin(), graph.values().end(),
                     [](const graph::Value& value) { return graph::TypeOf(value).concrete(); });
}

std::vector<int> EmittedProducts(const PassContext& context, const Graph& graph) {
  std::vector<int> products;
  if (!context.emits_product || !IsConcrete(graph)) return products;
  for (int n = 0; n < graph.nodes_size(); ++n) {
    const Node& node = graph.nodes(n);
    const bool product = node.op() == "matmul" || node.op() == "contract_leading";
    if (product && context.emits_product(graph::CallOf(graph, node))) products.push_back(n);
  }
  return products;
}

Node MakeNode(const Graph& graph, const Epilogue& epilogue) {
  Node node = MakeFusion(graph, kProductKind, epilogue.members, epilogue.exports);
  graph::SetAttributes({{"bytes_saved", Attr(epilogue.bytes_saved)}, {"kind", Attr(kProductKind)}},
                       &node);
  return node;
}

// The members that stay nodes of their own too: constants, broadcasts and views that others read
// from memory.
std::set<int> StillRead(const Graph& graph, const std::vector<Epilogue>& epilogues) {
  const GraphUses uses(graph);
  std::map<int, std::set<size_t>> inside;  // node -> epilogues that have it
  std::set<int> exported;
  for (size_t e = 0; e < epilogues.size(); ++e) {
    for (int n : epilogues[e].members) inside[n].insert(e);
    exported.insert(epilogues[e].exports.begin(), epilogues[e].exports.end());
  }
  std::set<int> read;
  for (auto member = inside.rbegin(); member != inside.rend(); ++member) {
    const auto& [n, at] = *member;
    if (exported.count(n) > 0) continue;
    const auto reads_memory = [&](int reader) {
      const auto it = inside.find(reader);
      return it == inside.end() || read.count(reader) > 0 ||
             !std::includes(at.begin(), at.end(), it->second.begin(), it->second.end());
    };
    const uint32_t value = graph.nodes(n).outputs(0);
    const std::vector<int>& readers = uses.readers(value);
    if (uses.is_output(value) || std::any_of(readers.begin(), readers.end(), reads_memory))
      read.insert(n);
  }
  return read;
}

class EpilogueFusion : public Pass {
 public:
  absl::string_view name() const override { return "epilogue_fusion"; }

  absl::StatusOr<bool> Run(const PassContext& context, Graph* graph) override {
    const std::vector<int> products = EmittedProducts(context, *graph);
    if (products.empty()) return false;
    std::vector<Epilogue> epilogues;
    EpilogueFinder finder(*graph);
    for (int product : products) {
      const graph::OpCall call = graph::CallOf(*graph, graph->nodes(product));
      std::optional<Epilogue> epilogue =
          finder.Find(product, context.epilogue_price ? context.epilogue_price(call) : 0);
      if (epilogue.has_value()) epilogues.push_back(*std::move(epilogue));
    }
    if (epilogues.empty()) return false;
    return Rewrite(epilogues, graph);
  }

 private:
  static absl::StatusOr<bool> Rewrite(const std::vector<Epilogue>& epilogues, Graph* graph) {
    std::set<int> inside;
    for (const Epilogue& epilogue : epilogues)
      inside.insert(epilogue.members.begin(), epilogue.members.end());
    const std::set<int> read = StillRead(*graph, epilogues);
    std::vector<std::pair<int, Node>> nodes;
    for (int n = 0; n < graph->nodes_size(); ++n) {
      if (inside.count(n) == 0 || read.count(n) > 0) nodes.push_back({n, graph->nodes(n)});
    }
    for (const Epilogue& epilogue : epilogues)
      nodes.push_back({epilogue.exports.front(), MakeNode(*graph, epilogue)});
    std::stable_sort(nodes.begin(), nodes.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    const std::vector<size_t> ordered = InOrder(*graph, nodes);
    if (ordered.size() != nodes.size())
      return absl::InternalError("products and what follows them depend on each other in a circle");
    graph->clear_nodes();
    for (size_t i : ordered) *graph->add_nodes() = std::move(nodes[i].second);
    DropUnmadeValues(graph);
    return true;
  }
};

}  // namespace

std::unique_ptr<Pass> CreateEpilogueFusion() { return std::make_unique<EpilogueFusion>(); }

}  // namespace strata::compiler
