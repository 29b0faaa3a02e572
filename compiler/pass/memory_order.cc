#include "compiler/pass/memory_order.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "framework/graph/attributes.h"
#include "framework/graph/op_def.h"
#include "framework/graph/types.h"

namespace strata::compiler {
namespace {

using graph::Graph;
using graph::Node;
using graph::OpClass;

size_t At(uint32_t i) { return static_cast<size_t>(i); }

OpClass ClassOf(const Node& node) {
  const graph::OpDef* def = graph::OpRegistry::Get().Find(node.op());
  return def == nullptr ? OpClass::kOpaque : def->op_class;
}

bool IsConcrete(const Graph& graph) {
  for (const graph::Value& value : graph.values()) {
    for (const graph::Dim& dim : value.dims()) {
      if (dim.has_symbol()) return false;
    }
  }
  return true;
}

// Every element of a result is made from the elements of the operands at the same place.
bool IsPointwise(const Node& node, OpClass op_class) {
  if (op_class == OpClass::kElementwise) return true;
  if (op_class != OpClass::kRegion || graph::AttributeReader(node).String("kind") != "loop")
    return false;
  return std::all_of(node.regions(0).nodes().begin(), node.regions(0).nodes().end(),
                     [](const Node& inner) { return ClassOf(inner) != OpClass::kMovement; });
}

class ProblemMaker {
 public:
  ProblemMaker(const Graph& graph, const PassContext& context) : graph_(graph), context_(context) {
    const size_t values = static_cast<size_t>(graph.values_size());
    for (uint32_t v = 0; v < values; ++v) content_.push_back(v);
    maker_.assign(values, -1);
    readers_.resize(values);
    problem_.nodes.resize(static_cast<size_t>(graph.nodes_size()));
    problem_.bytes.assign(values, 0);
    problem_.kept.assign(values, false);
  }

  OrderProblem Make() {
    for (int n = 0; n < graph_.nodes_size(); ++n) AddNode(n);
    // Results, inputs and what views them have storage of their own.
    for (const graph::Output& output : graph_.outputs())
      problem_.bytes[At(content_[output.value()])] = 0;
    for (const graph::Input& input : graph_.inputs()) problem_.bytes[At(input.value())] = 0;
    for (const graph::Update& update : graph_.updates()) KeepBehindReaders(update);
    return std::move(problem_);
  }

 private:
  OrderProblem::Node& NodeAt(int n) { return problem_.nodes[static_cast<size_t>(n)]; }

  void AddNode(int n) {
    const Node& node = graph_.nodes(n);
    const OpClass op_class = ClassOf(node);
    const bool view = op_class == OpClass::kView;
    OrderProblem::Node& made = NodeAt(n);
    std::set<int> reads, after;
    for (uint32_t input : node.inputs()) {
      // A view costs nothing and reads nothing; it only has its place behind what it shows.
      if (maker_[At(input)] >= 0 && (view || content_[At(input)] != input))
        after.insert(maker_[At(input)]);
      if (!view) reads.insert(static_cast<int>(content_[At(input)]));
    }
    for (uint32_t output : node.outputs()) {
      maker_[At(output)] = n;
      if (view) {
        content_[At(output)] = content_[At(node.inputs(0))];
        continue;
      }
      made.writes.push_back(static_cast<int>(output));
      problem_.bytes[At(output)] =
          static_cast<uint64_t>(TypeOf(graph_.values(static_cast<int>(output))).size_bytes());
    }
    if (op_class == OpClass::kCollective) {
      if (last_collective_ >= 0) after.insert(last_collective_);
      last_collective_ = n;
    }
    made.reads.assign(reads.begin(), reads.end());
    for (int content : reads) readers_[static_cast<size_t>(content)].push_back(n);
    made.after.assign(after.begin(), after.end());
    AddInPlace(node, op_class, &made);
  }

  void AddInPlace(const Node& node, OpClass op_class, OrderProblem::Node* made) const {
    if (IsPointwise(node, op_class)) {
      for (int result : made->writes) {
        for (int operand : made->reads) made->in_place.push_back({operand, result});
      }
      return;
    }
    auto it = context_.library_in_place.find(node.op());
    if (it == context_.library_in_place.end()) return;
    for (const auto& [input, output] : it->second) {
      if (input >= node.inputs_size() || output >= node.outputs_size()) continue;
      made->in_place.push_back({static_cast<int>(content_[At(node.inputs(input))]),
                                static_cast<int>(node.outputs(output))});
    }
  }

  // The old content of an updated input must have been read before the update is written in place. Where the graph's own
  // order has a later reader the update is copied anyway.
  void KeepBehindReaders(const graph::Update& update) {
    const int writer = maker_[At(content_[At(update.output())])];
    for (int reader : readers_[At(update.input())]) {
      if (reader < writer) NodeAt(writer).after.push_back(reader);
    }
  }

  const Graph& graph_;
  const PassContext& context_;
  OrderProblem problem_;
  std::vector<uint32_t> content_;          // by value: itself, or what it is a view of
  std::vector<int> maker_;                 // by value: a node, or -1
  std::vector<std::vector<int>> readers_;  // by content: nodes
  int last_collective_ = -1;
};

class MemoryOrder : public Pass {
 public:
  absl::string_view name() const override { return "memory_order"; }

  absl::StatusOr<bool> Run(const PassContext& context, Graph* graph) override {
    if (!IsConcrete(*graph)) return false;
    const std::vector<int> order = LowerPeakOrder(OrderProblemOf(*graph, context));
    if (std::is_sorted(order.begin(), order.end())) return false;
    google::protobuf::RepeatedPtrField<Node> nodes;
    nodes.Swap(graph->mutable_nodes());
    for (int n : order) graph->add_nodes()->Swap(nodes.Mutable(n));
    return true;
  }
};

}  // namespace

OrderProblem OrderProblemOf(const Graph& graph, const PassContext& context) {
  return ProblemMaker(graph, context).Make();
}

std::unique_ptr<Pass> CreateMemoryOrder() { return std::make_unique<MemoryOrder>(); }

}  // namespace strata::compiler
