#include "compiler/tools/graph_edit.h"

#include <map>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/pass/rewriter.h"
#include "framework/graph/op_def.h"
#include "framework/graph/types.h"
#include "framework/graph/verifier.h"

namespace strata::compiler {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;

template <typename List, typename Predicate>
void EraseIf(List* list, const Predicate& erase) {
  int kept = 0;
  for (int i = 0; i < list->size(); ++i) {
    if (erase(list->Get(i), i)) continue;
    if (i != kept) list->SwapElements(i, kept);
    ++kept;
  }
  list->DeleteSubrange(kept, list->size() - kept);
}

void AddDataInput(uint32_t value, Graph* graph) {
  graph::Input* input = graph->add_inputs();
  input->set_value(value);
  input->set_kind(graph::DATA);
}

std::set<std::string> NamesOf(const Graph& graph) {
  std::set<std::string> names;
  for (const Value& value : graph.values()) names.insert(value.name());
  return names;
}

std::string FreshName(const std::string& wish, std::set<std::string>* names) {
  std::string name = wish;
  for (int i = 1; !names->insert(name).second; ++i) name = absl::StrCat(wish, "_", i);
  return name;
}

// A value like `like` under a free name; its id.
uint32_t AddValue(const Value& like, std::set<std::string>* names, Graph* graph) {
  const uint32_t id = static_cast<uint32_t>(graph->values_size());
  Value* value = graph->add_values();
  *value = like;
  value->set_name(FreshName(like.name(), names));
  value->clear_gradient_of();
  return id;
}

}  // namespace

absl::StatusOr<Graph> Prune(Graph graph) {
  std::vector<bool> needed(static_cast<size_t>(graph.values_size()), false);
  for (const auto& output : graph.outputs()) needed[output.value()] = true;
  for (const auto& update : graph.updates()) needed[update.input()] = true;
  std::vector<bool> live(static_cast<size_t>(graph.nodes_size()), false);
  for (int i = graph.nodes_size() - 1; i >= 0; --i) {
    bool lives = false;
    for (uint32_t id : graph.nodes(i).outputs()) lives = lives || needed[id];
    live[static_cast<size_t>(i)] = lives;
    if (!lives) continue;
    for (uint32_t id : graph.nodes(i).inputs()) needed[id] = true;
  }
  EraseIf(graph.mutable_nodes(), [&](const Node&, int i) { return !live[static_cast<size_t>(i)]; });
  EraseIf(graph.mutable_inputs(),
          [&](const graph::Input& input, int) { return !needed[input.value()]; });
  DropUnmadeValues(&graph);
  std::set<std::string> names = NamesOf(graph);
  for (Value& value : *graph.mutable_values()) {
    if (names.count(value.gradient_of()) == 0) value.clear_gradient_of();
  }
  STRATA_RETURN_IF_ERROR(graph::Verify(graph));
  return graph;
}

absl::StatusOr<Graph> DropOutputs(const Graph& graph, Range outputs) {
  Graph result = graph;
  EraseIf(result.mutable_outputs(),
          [&](const graph::Output&, int i) { return outputs.contains(i); });
  std::set<uint32_t> left;
  for (const auto& output : result.outputs()) left.insert(output.value());
  EraseIf(result.mutable_updates(),
          [&](const graph::Update& update, int) { return left.count(update.output()) == 0; });
  return Prune(std::move(result));
}

absl::StatusOr<Graph> DropUpdates(const Graph& graph, Range updates) {
  Graph result = graph;
  EraseIf(result.mutable_updates(),
          [&](const graph::Update&, int i) { return updates.contains(i); });
  return Prune(std::move(result));
}

absl::StatusOr<Graph> CutNodes(const Graph& graph, Range nodes) {
  Graph result = graph;
  for (int i = nodes.begin; i < nodes.end && i < graph.nodes_size(); ++i) {
    for (uint32_t id : graph.nodes(i).outputs()) AddDataInput(id, &result);
  }
  EraseIf(result.mutable_nodes(), [&](const Node&, int i) { return nodes.contains(i); });
  return Prune(std::move(result));
}

absl::StatusOr<Graph> BypassNode(const Graph& graph, int node, int output, int input) {
  const uint32_t from = graph.nodes(node).outputs(output), to = graph.nodes(node).inputs(input);
  const auto type = [&](uint32_t id) { return TypeOf(graph.values(static_cast<int>(id))); };
  if (!(type(from) == type(to))) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a ", type(from).ToString(), " cannot be replaced by a ", type(to).ToString()));
  }
  Graph result = graph;
  for (Node& user : *result.mutable_nodes()) {
    for (uint32_t& id : *user.mutable_inputs()) id = id == from ? to : id;
  }
  for (auto& out : *result.mutable_outputs()) {
    if (out.value() == from) out.set_value(to);
  }
  for (auto& update : *result.mutable_updates()) {
    if (update.output() == from) update.set_output(to);
  }
  return Prune(std::move(result));
}

absl::StatusOr<Graph> InlineRegion(const Graph& graph, int node) {
  const Node& outer = graph.nodes(node);
  if (outer.regions_size() == 0) return absl::InvalidArgumentError("the node has no region");
  const Graph& region = outer.regions(0);
  Graph result = graph;
  std::set<std::string> names = NamesOf(graph);
  std::vector<uint32_t> value_of(static_cast<size_t>(region.values_size()), 0);
  for (int i = 0; i < region.inputs_size(); ++i)
    value_of[region.inputs(i).value()] = outer.inputs(i);
  std::vector<Node> inner;
  for (Node copy : region.nodes()) {
    for (uint32_t& id : *copy.mutable_inputs()) id = value_of[id];
    for (uint32_t& id : *copy.mutable_outputs()) {
      value_of[id] = AddValue(region.values(static_cast<int>(id)), &names, &result);
      id = value_of[id];
    }
    inner.push_back(std::move(copy));
  }
  std::map<uint32_t, uint32_t> stands_for;  // what read a result of the node reads the inner value
  for (int i = 0; i < outer.outputs_size(); ++i)
    stands_for[outer.outputs(i)] = value_of[region.outputs(i).value()];
  const auto resolve = [&](uint32_t id) {
    const auto it = stands_for.find(id);
    return it == stands_for.end() ? id : it->second;
  };
  result.clear_nodes();
  for (int i = 0; i < graph.nodes_size(); ++i) {
    if (i == node) {
      for (const Node& copy : inner) *result.add_nodes() = copy;
      continue;
    }
    Node* user = result.add_nodes();
    *user = graph.nodes(i);
    for (uint32_t& id : *user->mutable_inputs()) id = resolve(id);
  }
  for (auto& output : *result.mutable_outputs()) output.set_value(resolve(output.value()));
  for (auto& update : *result.mutable_updates()) update.set_output(resolve(update.output()));
  return Prune(std::move(result));
}

absl::StatusOr<Graph> ReplaceRegion(const Graph& graph, int node, const Graph& region) {
  const Node& old_node = graph.nodes(node);
  const Graph& old_region = old_node.regions(0);
  const auto name = [](const Graph& g, uint32_t id) {
    return g.values(static_cast<int>(id)).name();
  };
  std::map<std::string, uint32_t> operands, results;  // by name of the region's input and output
  for (int i = 0; i < old_region.inputs_size(); ++i)
    operands[name(old_region, old_region.inputs(i).value())] = old_node.inputs(i);
  for (int i = 0; i < old_region.outputs_size(); ++i)
    results[old_region.outputs(i).name()] = old_node.outputs(i);

  Graph result = graph;
  std::set<std::string> names = NamesOf(graph);
  Node* new_node = result.mutable_nodes(node);
  new_node->clear_inputs();
  new_node->clear_outputs();
  *new_node->mutable_regions(0) = region;
  for (const auto& input : region.inputs()) {
    const auto operand = operands.find(name(region, input.value()));
    uint32_t id = 0;
    if (operand != operands.end()) {
      id = operand->second;
    } else {
      id = AddValue(region.values(static_cast<int>(input.value())), &names, &result);
      AddDataInput(id, &result);
    }
    new_node->add_inputs(id);
  }
  for (const auto& output : region.outputs()) {
    const auto found = results.find(output.name());
    if (found == results.end()) return absl::InvalidArgumentError("the region has a new output");
    new_node->add_outputs(found->second);
    results.erase(found);
  }
  for (const auto& [output, id] : results) AddDataInput(id, &result);
  return Prune(std::move(result));
}

int CountNodes(const Graph& graph) {
  int count = graph.nodes_size();
  for (const Node& node : graph.nodes()) {
    for (const Graph& region : node.regions()) count += CountNodes(region);
  }
  return count;
}

}  // namespace strata::compiler
