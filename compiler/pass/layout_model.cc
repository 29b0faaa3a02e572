#include "compiler/pass/layout_model.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "framework/graph/attributes.h"

namespace strata::compiler {
namespace {

using graph::AttributeReader;
using graph::Node;
using graph::TensorType;
using graph::ValueId;

constexpr int kSweeps = 8;

bool IsKeptReduction(const Node& node) {
  const bool reduces =
      node.op() == "reduce_sum" || node.op() == "reduce_max" || node.op() == "reduce_mean";
  return reduces && !AttributeReader(node).Ints("axes").empty();
}

bool IsProduct(const Node& node) {
  return node.op() == "matmul" || node.op() == "contract_leading";
}

// Same axes for operand and result, one operand or all alike.
bool KeepsAxes(const Node& node) {
  return node.op() == "softmax" || node.op() == "slice" || node.op() == "concat";
}

}  // namespace

bool IsLayoutFollower(const Node& node) {
  const graph::OpDef* def = graph::OpRegistry::Get().Find(node.op());
  return def != nullptr && def->op_class == graph::OpClass::kElementwise &&
         node.outputs_size() == 1 && node.inputs_size() > 0 && node.op() != "broadcast_to";
}

std::vector<bool> ReducedAxes(const Node& node, int64_t rank) {
  std::vector<bool> reduced(static_cast<size_t>(rank), false);
  for (int64_t axis : AttributeReader(node).Ints("axes"))
    reduced[static_cast<size_t>(axis < 0 ? axis + rank : axis)] = true;
  return reduced;
}

Permutation DropReduced(const Permutation& s, const std::vector<bool>& reduced) {
  std::vector<int64_t> position(reduced.size(), 0);
  int64_t next = 0;
  for (size_t d = 0; d < reduced.size(); ++d) position[d] = reduced[d] ? -1 : next++;
  Permutation rest;
  for (int64_t d : s) {
    if (!reduced[static_cast<size_t>(d)]) rest.push_back(position[static_cast<size_t>(d)]);
  }
  return rest;
}

LayoutModel::LayoutModel(const GraphUses& uses)
    : uses_(uses), candidates_(static_cast<size_t>(uses.graph().values_size())) {
  FindCandidates();
  for (const Node& node : uses.graph().nodes()) options_.push_back(OptionsOf(node));
}

bool LayoutModel::HasChoice() const {
  return std::any_of(options_.begin(), options_.end(),
                     [](const std::vector<Option>& options) { return options.size() > 1; });
}

// ---- candidates

bool LayoutModel::CanChoose(ValueId value) const {
  const TensorType type = uses_.type(value);
  return type.rank() >= 2 && type.concrete();
}

int LayoutModel::Find(ValueId value, const Permutation& p) const {
  const auto& all = candidates_[value];
  const auto found = std::find(all.begin(), all.end(), p);
  return found == all.end() ? -1 : static_cast<int>(found - all.begin());
}

bool LayoutModel::Add(ValueId value, const Permutation& p) {
  if (!CanChoose(value) || candidates_[value].size() >= kMaxLayouts || Find(value, p) >= 0)
    return false;
  candidates_[value].push_back(p);
  return true;
}

bool LayoutModel::Union(ValueId a, ValueId b) {
  bool changed = false;
  for (size_t i = 0; i < candidates_[a].size(); ++i) changed = Add(b, candidates_[a][i]) || changed;
  for (size_t i = 0; i < candidates_[b].size(); ++i) changed = Add(a, candidates_[b][i]) || changed;
  return changed;
}

// x kept in s is y = transpose(x, p) kept in p⁻¹ s.
void LayoutModel::FindCandidates() {
  const graph::Graph& graph = uses_.graph();
  for (ValueId v = 0; v < candidates_.size(); ++v)
    candidates_[v].push_back(IdentityPermutation(uses_.type(v).rank()));
  for (const Node& node : graph.nodes()) {
    if (node.op() == "transpose") Add(node.outputs(0), Inverse(PermutationOf(node)));
  }
  for (const Node& node : graph.nodes()) {
    if (node.op() == "transpose") Add(node.inputs(0), PermutationOf(node));
  }
  bool changed = true;
  for (int sweep = 0; changed && sweep < kSweeps; ++sweep) {
    changed = false;
    for (int n = 0; n < graph.nodes_size(); ++n) changed = CarryOver(graph.nodes(n)) || changed;
    for (int n = graph.nodes_size(); n-- > 0;) changed = CarryOver(graph.nodes(n)) || changed;
  }
}

bool LayoutModel::CarryOver(const Node& node) {
  if (node.inputs_size() == 0 || node.outputs_size() != 1) return false;
  const ValueId y = node.outputs(0), x = node.inputs(0);
  bool changed = false, any = candidates_[y].size() > 1;
  for (ValueId operand : node.inputs()) any = any || candidates_[operand].size() > 1;
  if (!any) return false;
  if (node.op() == "transpose") {
    const Permutation p = PermutationOf(node), inverse = Inverse(p);
    for (size_t i = 0; i < candidates_[x].size(); ++i)
      changed = Add(y, Compose(inverse, candidates_[x][i])) || changed;
    for (size_t i = 0; i < candidates_[y].size(); ++i)
      changed = Add(x, Compose(p, candidates_[y][i])) || changed;
    return changed;
  }
  if (KeepsAxes(node)) {
    for (ValueId operand : node.inputs()) changed = Union(operand, y) || changed;
  } else if (IsLayoutFollower(node)) {
    for (ValueId operand : node.inputs()) {
      if (uses_.type(operand).shape == uses_.type(y).shape) changed = Union(operand, y) || changed;
    }
  } else if (IsKeptReduction(node)) {
    if (AttributeReader(node).Bool("keep_dims")) return Union(x, y);
    const std::vector<bool> reduced = ReducedAxes(node, uses_.type(x).rank());
    for (size_t i = 0; i < candidates_[x].size(); ++i)
      changed = Add(y, DropReduced(candidates_[x][i], reduced)) || changed;
  }
  return changed;
}

// ---- options

std::vector<LayoutModel::Option> LayoutModel::OptionsOf(const Node& node) const {
  std::vector<Option> options;
  Option as_it_stands;
  as_it_stands.operands.assign(static_cast<size_t>(node.inputs_size()), 0);
  if (node.op() == "transpose") {
    const int result = Find(node.outputs(0), Inverse(PermutationOf(node)));
    if (result >= 0) {
      as_it_stands.result = result;
      options.push_back(as_it_stands);
      AddTranspose(node, &options);
      return options;
    }
  }
  options.push_back(as_it_stands);
  if (KeepsAxes(node) || IsLayoutFollower(node)) AddFollowers(node, &options);
  if (IsKeptReduction(node)) AddReduction(node, &options);
  if (IsProduct(node)) AddProduct(node, &options);
  return options;
}

void LayoutModel::AddTranspose(const Node& node, std::vector<Option>* options) const {
  const ValueId x = node.inputs(0), y = node.outputs(0);
  const Permutation inverse = Inverse(PermutationOf(node));
  for (size_t i = 1; i < candidates_[x].size(); ++i) {
    const int result = Find(y, Compose(inverse, candidates_[x][i]));
    if (result >= 0) options->push_back({{static_cast<int>(i)}, result});
  }
}

// The candidate of operand i that fits a result in order s; -1 when there is none.
int LayoutModel::OperandFor(const Node& node, int i, const Permutation& s) const {
  const ValueId x = node.inputs(i);
  if (KeepsAxes(node)) return Find(x, s);
  if (uses_.type(x).shape == uses_.type(node.outputs(0)).shape) return Find(x, s);
  return BroadcastBefore(uses_.type(x).shape, Inverse(s)).has_value() ? 0 : -1;
}

void LayoutModel::AddFollowers(const Node& node, std::vector<Option>* options) const {
  const std::vector<Permutation>& results = candidates_[node.outputs(0)];
  for (size_t r = 1; r < results.size(); ++r) {
    const Permutation& s = results[r];
    if (node.op() == "softmax" && s.back() + 1 != static_cast<int64_t>(s.size())) continue;
    Option option;
    option.result = static_cast<int>(r);
    for (int i = 0; i < node.inputs_size(); ++i) option.operands.push_back(OperandFor(node, i, s));
    if (std::count(option.operands.begin(), option.operands.end(), -1) == 0)
      options->push_back(option);
  }
}

// A reduction of rows stays one of rows, one of columns stays one of columns.
void LayoutModel::AddReduction(const Node& node, std::vector<Option>* options) const {
  const ValueId x = node.inputs(0), y = node.outputs(0);
  const std::vector<bool> reduced = ReducedAxes(node, uses_.type(x).rank());
  const bool keep = AttributeReader(node).Bool("keep_dims");
  for (size_t i = 1; i < candidates_[x].size(); ++i) {
    const Permutation& s = candidates_[x][i];
    if (reduced[static_cast<size_t>(s.back())] != reduced.back()) continue;
    const int result = Find(y, keep ? s : DropReduced(s, reduced));
    if (result >= 0) options->push_back({{static_cast<int>(i)}, result});
  }
}

void LayoutModel::AddProduct(const Node& node, std::vector<Option>* options) const {
  const auto either_way = [&](ValueId value, bool may) {
    std::vector<int> found = {0};
    const int64_t rank = uses_.type(value).rank();
    const int swapped = may && rank >= 2 ? Find(value, SwapLastTwo(rank)) : -1;
    if (swapped > 0) found.push_back(swapped);
    return found;
  };
  const ValueId a = node.inputs(0), b = node.inputs(1), y = node.outputs(0);
  const bool contract = node.op() == "contract_leading", flat = uses_.type(a).rank() == 2;
  const bool alike = contract || uses_.type(a).rank() == uses_.type(b).rank();
  for (int r : either_way(y, alike)) {
    for (int i : either_way(a, !contract || flat)) {
      for (int j : either_way(b, !contract || flat)) {
        if (r + i + j > 0) options->push_back({{i, j}, r});
      }
    }
  }
}

// ---- cost

double LayoutModel::CopyBytes(ValueId value) const {
  return 2 * static_cast<double>(uses_.type(value).size_bytes());
}

int LayoutModel::MaskOf(const Node& node, const Option& option, ValueId value) const {
  int mask = 0;
  for (int i = 0; i < node.inputs_size(); ++i) {
    if (node.inputs(i) == value) mask |= 1 << option.operands[static_cast<size_t>(i)];
  }
  for (int i = 0; i < node.outputs_size(); ++i) {
    if (node.outputs(i) == value) mask |= 1 << (i == 0 ? option.result : 0);
  }
  return mask;
}

double LayoutModel::Cost(const std::vector<int>& choice) const {
  std::vector<int> masks(candidates_.size(), 0);
  for (const graph::Input& input : uses_.graph().inputs()) masks[input.value()] = 1;
  for (const graph::Output& output : uses_.graph().outputs()) masks[output.value()] = 1;
  for (int n = 0; n < uses_.graph().nodes_size(); ++n) {
    const Node& node = uses_.node(n);
    const Option& option = options(n)[static_cast<size_t>(choice[static_cast<size_t>(n)])];
    for (ValueId value : node.inputs()) masks[value] |= MaskOf(node, option, value);
    for (ValueId value : node.outputs()) masks[value] |= MaskOf(node, option, value);
  }
  double cost = 0;
  for (ValueId v = 0; v < candidates_.size(); ++v) {
    if (candidates_[v].size() > 1 && masks[v] != 0)
      cost += CopyBytes(v) * (__builtin_popcount(static_cast<unsigned>(masks[v])) - 1);
  }
  return cost;
}

LayoutModel::Tied LayoutModel::MakeProblem() const {
  const graph::Graph& graph = uses_.graph();
  Tied tied;
  // The set of layouts in which each value is stored: choice c is the bit mask c + 1.
  std::vector<int> set_of(candidates_.size(), -1), required(candidates_.size(), 0);
  for (const graph::Input& input : graph.inputs()) required[input.value()] |= 1;
  for (const graph::Output& output : graph.outputs()) required[output.value()] |= 1;
  for (int n = 0; n < graph.nodes_size(); ++n) {
    if (options(n).size() > 1) continue;
    std::set<ValueId> values(graph.nodes(n).inputs().begin(), graph.nodes(n).inputs().end());
    values.insert(graph.nodes(n).outputs().begin(), graph.nodes(n).outputs().end());
    for (ValueId value : values) required[value] |= MaskOf(graph.nodes(n), options(n)[0], value);
  }
  std::vector<int> start_mask = required;
  for (ValueId v = 0; v < candidates_.size(); ++v) {
    const int layouts = static_cast<int>(candidates_[v].size());
    if (layouts < 2) continue;
    std::vector<double> costs;
    for (int mask = 1; mask < 1 << layouts; ++mask) {
      const int copies = __builtin_popcount(static_cast<unsigned>(mask)) - 1;
      costs.push_back((mask & required[v]) == required[v] ? CopyBytes(v) * copies : kForbidden);
    }
    set_of[v] = tied.problem.AddVariable(std::move(costs));
  }
  tied.variable_of_node.assign(static_cast<size_t>(graph.nodes_size()), -1);
  for (int n = 0; n < graph.nodes_size(); ++n) {
    const Node& node = graph.nodes(n);
    std::set<ValueId> values(node.inputs().begin(), node.inputs().end());
    values.insert(node.outputs().begin(), node.outputs().end());
    for (ValueId v : values) start_mask[v] |= MaskOf(node, options(n)[0], v);
    if (options(n).size() < 2) continue;
    const int variable = tied.problem.AddVariable(std::vector<double>(options(n).size(), 0.0));
    tied.variable_of_node[static_cast<size_t>(n)] = variable;
    for (ValueId v : values) {
      if (set_of[v] < 0) continue;
      std::vector<double> costs;
      for (const Option& option : options(n)) {
        const int needed = MaskOf(node, option, v);
        for (int mask = 1; mask < 1 << candidates_[v].size(); ++mask)
          costs.push_back((mask & needed) == needed ? 0 : kForbidden);
      }
      tied.problem.AddPair(variable, set_of[v], std::move(costs));
    }
  }
  tied.start.assign(static_cast<size_t>(tied.problem.variables()), 0);
  for (ValueId v = 0; v < candidates_.size(); ++v) {
    if (set_of[v] >= 0) tied.start[static_cast<size_t>(set_of[v])] = std::max(start_mask[v], 1) - 1;
  }
  return tied;
}

}  // namespace strata::compiler
