#include "compiler/pass/rewriter.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "framework/graph/attributes.h"

namespace strata::compiler {

using graph::Builder;
using graph::Graph;
using graph::Node;
using graph::ValueId;

namespace {

Graph WithoutNodes(const Graph& graph) {
  Graph copy;
  copy.set_version(graph.version());
  copy.set_name(graph.name());
  *copy.mutable_values() = graph.values();
  *copy.mutable_inputs() = graph.inputs();
  *copy.mutable_outputs() = graph.outputs();
  *copy.mutable_updates() = graph.updates();
  return copy;
}

}  // namespace

Rewriter::Rewriter(const Graph* source)
    : source_(source),
      replaced_(static_cast<size_t>(source->values_size())),
      maker_(static_cast<size_t>(source->values_size()), -1) {
  for (size_t i = 0; i < replaced_.size(); ++i) replaced_[i] = static_cast<ValueId>(i);
  nodes_.reserve(static_cast<size_t>(source->nodes_size()));
}

ValueId Rewriter::Resolve(ValueId value) const { return replaced_[value]; }

void Rewriter::Replace(ValueId old, ValueId by) {
  replaced_[old] = Resolve(by);
  changed_ = true;
}

void Rewriter::Keep(Node node) {
  for (uint32_t& input : *node.mutable_inputs()) input = Resolve(input);
  for (uint32_t output : node.outputs()) maker_[output] = static_cast<int>(nodes_.size());
  nodes_.push_back(std::move(node));
}

Builder& Rewriter::builder() {
  if (builder_ == nullptr) builder_ = std::make_unique<Builder>(WithoutNodes(*source_));
  return *builder_;
}

absl::StatusOr<std::vector<ValueId>> Rewriter::Make(const std::string& origin, const Grow& grow,
                                                    std::vector<Node>* nodes) {
  Builder& b = builder();
  const Builder::Scope scope = Builder::Scope::Exactly(b, origin);
  absl::StatusOr<std::vector<ValueId>> made = grow(b);
  if (made.ok() && !b.status().ok()) made = b.status();
  if (!made.ok())
    return absl::InternalError(absl::StrCat("a rewrite failed: ", made.status().message()));
  changed_ = true;
  for (size_t id = replaced_.size(); id < static_cast<size_t>(b.graph().values_size()); ++id) {
    replaced_.push_back(static_cast<ValueId>(id));
    maker_.push_back(-1);
  }
  for (; taken_ < b.graph().nodes_size(); ++taken_) nodes->push_back(b.graph().nodes(taken_));
  return made;
}

absl::StatusOr<std::vector<ValueId>> Rewriter::Make(const std::string& origin, const Grow& grow) {
  std::vector<Node> nodes;
  STRATA_ASSIGN_OR_RETURN(std::vector<ValueId> made, Make(origin, grow, &nodes));
  for (Node& node : nodes) Keep(std::move(node));
  return made;
}

const graph::Value& Rewriter::value(ValueId id) const {
  const Graph& graph = builder_ != nullptr ? builder_->graph() : *source_;
  return graph.values(static_cast<int>(id));
}

graph::TensorType Rewriter::type(ValueId id) const { return graph::TypeOf(value(id)); }

const Node* Rewriter::Maker(ValueId id) const {
  return maker_[id] < 0 ? nullptr : &nodes_[static_cast<size_t>(maker_[id])];
}

Node* Rewriter::MutableMaker(ValueId id) {
  return maker_[id] < 0 ? nullptr : &nodes_[static_cast<size_t>(maker_[id])];
}

std::optional<double> Rewriter::Splat(ValueId id) const {
  const Node* maker = Maker(id);
  if (maker == nullptr || maker->op() != "constant") return std::nullopt;
  return graph::AttributeReader(*maker).Float("value");
}

bool Rewriter::Finish(Graph* graph) {
  if (!changed_) return false;
  Graph rebuilt = WithoutNodes(builder_ != nullptr ? builder_->graph() : *source_);
  rebuilt.mutable_nodes()->Reserve(static_cast<int>(nodes_.size()));
  for (Node& node : nodes_) *rebuilt.add_nodes() = std::move(node);

  // A dropped value hands its name and its mark to the new one that replaced it.
  const ValueId old_count = static_cast<ValueId>(source_->values_size());
  std::vector<bool> named(replaced_.size(), false);
  for (ValueId old = 0; old < old_count; ++old) {
    const ValueId by = replaced_[old];
    if (by == old) continue;
    graph::Value* value = rebuilt.mutable_values(static_cast<int>(by));
    graph::Value* dropped = rebuilt.mutable_values(static_cast<int>(old));
    if (value->gradient_of().empty()) value->set_gradient_of(dropped->gradient_of());
    if (by >= old_count && !named[by]) {
      named[by] = true;
      value->mutable_name()->swap(*dropped->mutable_name());
    }
  }
  for (graph::Output& output : *rebuilt.mutable_outputs())
    output.set_value(Resolve(output.value()));
  for (graph::Update& update : *rebuilt.mutable_updates())
    update.set_output(Resolve(update.output()));
  DropUnmadeValues(&rebuilt);
  *graph = std::move(rebuilt);
  return true;
}

void DropUnmadeValues(Graph* graph) {
  std::vector<bool> made(static_cast<size_t>(graph->values_size()), false);
  for (const graph::Input& input : graph->inputs()) made[input.value()] = true;
  for (const Node& node : graph->nodes()) {
    for (uint32_t output : node.outputs()) made[output] = true;
  }
  std::vector<ValueId> id(made.size(), graph::kNoValue);
  int count = 0;
  for (size_t old = 0; old < made.size(); ++old) {
    if (!made[old]) continue;
    id[old] = static_cast<ValueId>(count);
    if (static_cast<int>(old) != count)
      graph->mutable_values()->SwapElements(static_cast<int>(old), count);
    ++count;
  }
  graph->mutable_values()->DeleteSubrange(count, graph->values_size() - count);
  for (graph::Input& input : *graph->mutable_inputs()) input.set_value(id[input.value()]);
  for (Node& node : *graph->mutable_nodes()) {
    for (uint32_t& input : *node.mutable_inputs()) input = id[input];
    for (uint32_t& output : *node.mutable_outputs()) output = id[output];
  }
  for (graph::Output& output : *graph->mutable_outputs()) output.set_value(id[output.value()]);
  for (graph::Update& update : *graph->mutable_updates()) {
    update.set_input(id[update.input()]);
    update.set_output(id[update.output()]);
  }
}

void JoinOrigin(const std::string& origin, std::string* into) {
  constexpr size_t kLongest = 240;
  if (origin.empty() || absl::StrContains(*into, origin)) return;
  if (!into->empty() && into->size() + origin.size() > kLongest) return;
  absl::StrAppend(into, into->empty() ? "" : "; ", origin);
}

}  // namespace strata::compiler
