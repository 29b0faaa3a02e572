#include "inference/compress/integer_groups.h"

#include <string>

#include "framework/graph/attributes.h"
#include "framework/graph/types.h"

namespace strata::inference {
namespace {

using graph::Graph;
using graph::Node;
using graph::TensorType;
using Kind = IntegerGroup::Kind;

class Finder {
 public:
  Finder(const Graph& graph, const NamedTensors& weights)
      : graph_(graph),
        parameter_(static_cast<size_t>(graph.values_size()), false),
        held_(parameter_),
        readers_(static_cast<size_t>(graph.values_size())) {
    for (const auto& input : graph.inputs()) {
      if (input.kind() != graph::PARAMETER) continue;
      parameter_[input.value()] = true;
      held_[input.value()] =
          weights.count(graph.values(static_cast<int>(input.value())).name()) > 0;
    }
    for (int i = 0; i < graph.nodes_size(); ++i) {
      for (uint32_t id : graph.nodes(i).inputs()) readers_[id].push_back(i);
    }
    for (const auto& output : graph.outputs()) readers_[output.value()].push_back(-1);
    found_.group_of.assign(static_cast<size_t>(graph.nodes_size()), -1);
    found_.passes.assign(static_cast<size_t>(graph.nodes_size()), false);
    found_.wanted.assign(static_cast<size_t>(graph.values_size()), false);
  }

  IntegerGroups Find() && {
    for (int i = 0; i < graph_.nodes_size(); ++i) {
      if (found_.group_of[static_cast<size_t>(i)] < 0) Open(i);
    }
    for (int i = graph_.nodes_size() - 1; i >= 0; --i) MarkWanted(i);
    return std::move(found_);
  }

 private:
  TensorType Type(uint32_t value) const { return TypeOf(graph_.values(static_cast<int>(value))); }
  bool IsWeight(uint32_t value, int64_t rank) const {
    const TensorType type = Type(value);
    return held_[value] && type.dtype == chips::F32 && type.rank() == rank && type.concrete();
  }
  bool IsActivation(uint32_t value) const {
    return !parameter_[value] && Type(value).dtype == chips::F32;
  }
  // The last dim is that of the channels, each with a multiplier.
  bool HasChannels(uint32_t value) const {
    const TensorType type = Type(value);
    return type.rank() > 0 && !type.shape.back().is_symbol();
  }

  // The only reader of a value, if it is a node of that op; else nullptr.
  const Node* OnlyReader(uint32_t value, const std::string& op, int* index) const {
    if (readers_[value].size() != 1 || readers_[value][0] < 0) return nullptr;
    *index = readers_[value][0];
    const Node& node = graph_.nodes(*index);
    return node.op() == op ? &node : nullptr;
  }

  bool IsProduct(const Node& node) const {
    if (!IsActivation(node.inputs(0)) || Type(node.outputs(0)).dtype != chips::F32) return false;
    if (node.op() == "conv2d") return IsWeight(node.inputs(1), 4);
    return node.op() == "matmul" && IsWeight(node.inputs(1), 2) &&
           !graph::AttributeReader(node).Bool("transpose_a");
  }
  bool IsAdd(const Node& node) const {
    return node.op() == "add" && IsActivation(node.inputs(0)) && IsActivation(node.inputs(1)) &&
           Type(node.inputs(0)) == Type(node.inputs(1)) && HasChannels(node.outputs(0));
  }
  bool IsMean(const Node& node) const {
    if (node.op() != "reduce_mean" || !IsActivation(node.inputs(0))) return false;
    const TensorType type = Type(node.inputs(0));
    for (int64_t axis : graph::AttributeReader(node).Ints("axes")) {
      const auto normal = graph::NormalizeAxis(axis, type.rank());
      if (!normal.ok()) return false;
      const graph::Size& size = type.shape[static_cast<size_t>(*normal)];
      if (size.is_symbol() || size.size() == 0) return false;
    }
    return type.rank() > 0 && HasChannels(node.outputs(0));
  }

  void Open(int i) {
    const Node& node = graph_.nodes(i);
    IntegerGroup group;
    group.root = group.last = i;
    if (IsProduct(node)) {
      group.kind = Kind::kProduct;
      group.x = {node.inputs(0)};
    } else if (IsAdd(node)) {
      group.kind = Kind::kAdd;
      group.x = {node.inputs(0), node.inputs(1)};
    } else if (IsMean(node)) {
      group.kind = Kind::kMean;
      group.x = {node.inputs(0)};
    } else {
      return;
    }
    group.result = node.outputs(0);
    if (group.kind == Kind::kProduct) TakeBias(&group);
    int reader = -1;
    if (const Node* relu = OnlyReader(group.result, "relu", &reader)) {
      group.relu = true;
      group.result = relu->outputs(0);
      group.last = reader;
    }
    const int id = static_cast<int>(found_.groups.size());
    for (int n = group.root; n <= group.last; ++n) {
      const bool inside = n == group.root || n == group.last || n == bias_node_;
      if (inside) found_.group_of[static_cast<size_t>(n)] = id;
    }
    bias_node_ = -1;
    found_.groups.push_back(std::move(group));
  }

  void TakeBias(IntegerGroup* group) {
    int reader = -1;
    const Node* add = OnlyReader(group->result, "add", &reader);
    if (add == nullptr) return;
    const uint32_t other = add->inputs(add->inputs(0) == group->result ? 1 : 0);
    const TensorType type = Type(group->result);
    if (!IsWeight(other, 1) || !(Type(other).shape[0] == type.shape.back())) return;
    group->has_bias = true;
    group->bias = other;
    group->result = add->outputs(0);
    group->last = bias_node_ = reader;
  }

  void MarkWanted(int i) {
    const Node& node = graph_.nodes(i);
    const int id = found_.group_of[static_cast<size_t>(i)];
    if (id >= 0) {
      IntegerGroup& group = found_.groups[static_cast<size_t>(id)];
      if (group.last != i) return;
      group.integer = group.kind == Kind::kProduct || found_.wanted[group.result];
      if (!group.integer) return;
      for (uint32_t x : group.x) found_.wanted[x] = true;
      return;
    }
    const bool can_pass =
        node.op() == "max_pool2d" || node.op() == "reshape" || node.op() == "transpose";
    if (!can_pass || !found_.wanted[node.outputs(0)] || !IsActivation(node.inputs(0))) return;
    found_.passes[static_cast<size_t>(i)] = true;
    found_.wanted[node.inputs(0)] = true;
  }

  const Graph& graph_;
  std::vector<bool> parameter_, held_;
  std::vector<std::vector<int>> readers_;  // by value; -1: an output
  int bias_node_ = -1;                     // of the group at hand
  IntegerGroups found_;
};

}  // namespace

IntegerGroups FindIntegerGroups(const Graph& graph, const NamedTensors& weights) {
  return Finder(graph, weights).Find();
}

}  // namespace strata::inference
