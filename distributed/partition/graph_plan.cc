#include "distributed/partition/graph_plan.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "distributed/partition/reshard.h"

namespace strata::distributed {
namespace {

using graph::Graph;
using graph::Node;

class Planning {
 public:
  Planning(const Graph& graph, const Mesh& mesh)
      : graph_(graph),
        mesh_(mesh),
        values_(static_cast<size_t>(graph.values_size())),
        weight_(values_),
        may_wait_(values_),
        readers_(values_),
        through_(static_cast<size_t>(graph.nodes_size())) {}

  absl::StatusOr<GraphPlan> Run() {
    for (const graph::Value& value : graph_.values()) {
      STRATA_ASSIGN_OR_RETURN(Sharding place, ShardingOf(value, mesh_));
      plan_.places.push_back(std::move(place));
    }
    FindWeights();
    for (int n = 0; n < graph_.nodes_size(); ++n)
      STRATA_RETURN_IF_ERROR(Annotate(PlanOne(n), graph_.nodes(n).origin()));
    DecideWaits();
    return std::move(plan_);
  }

 private:
  void FindWeights() {
    for (const auto& input : graph_.inputs())
      weight_[input.value()] = input.kind() == graph::PARAMETER;
    for (size_t v = 0; v < values_; ++v) {
      if (!graph_.values(static_cast<int>(v)).gradient_of().empty()) weight_[v] = true;
    }
  }

  TensorPlace PlaceOf(uint32_t v) const { return {plan_.places[v], weight_[v]}; }

  absl::Status PlanOne(int n) {
    const Node& node = graph_.nodes(n);
    const graph::OpCall call = CallOf(graph_, node);
    STRATA_ASSIGN_OR_RETURN(OpRule rule, RuleOf(call));
    std::vector<TensorPlace> inputs, outputs;
    for (uint32_t v : node.inputs()) {
      inputs.push_back(PlaceOf(v));
      if (readers_[v].empty() || readers_[v].back() != n) readers_[v].push_back(n);
    }
    for (uint32_t v : node.outputs()) outputs.push_back(PlaceOf(v));
    plan_.nodes.push_back(PlanNode(call, std::move(rule), inputs, outputs, mesh_));
    NotePending(n);
    return absl::OkStatus();
  }

  // Sums that the results may be: those that the node makes, and those of operands that it is linear in.
  void NotePending(int n) {
    const Node& node = graph_.nodes(n);
    const NodePlan& plan = plan_.nodes.back();
    for (const std::vector<int>& set : plan.rule.linear) {
      const AxisList axes = CommonSums(graph_, node, set, [&](uint32_t v) { return may_wait_[v]; });
      NodePlan on_terms = plan;
      if (axes.empty() || !RunOnTerms(set, axes, mesh_, &on_terms)) continue;
      through_[static_cast<size_t>(n)] = set;
      for (uint32_t v : node.outputs()) may_wait_[v] = axes;
      break;
    }
    for (int o = 0; o < node.outputs_size(); ++o) {
      AxisList& sums = may_wait_[node.outputs(o)];
      const AxisList& own = plan.outputs[static_cast<size_t>(o)].pending;
      sums.insert(sums.end(), own.begin(), own.end());
      std::sort(sums.begin(), sums.end());
    }
  }

  // From the end, so that what reads a value is decided before it.
  void DecideWaits() {
    plan_.waits.assign(values_, false);
    std::vector<bool> asked(values_);
    for (const auto& output : graph_.outputs()) asked[output.value()] = true;
    for (int n = graph_.nodes_size() - 1; n >= 0; --n) {
      for (uint32_t v : graph_.nodes(n).outputs()) {
        const bool gradient = !graph_.values(static_cast<int>(v)).gradient_of().empty();
        plan_.waits[v] = !asked[v] && !gradient && !may_wait_[v].empty() &&
                         readers_[v].size() == 1 && Helps(v, readers_[v][0]);
      }
    }
  }

  // Whether the reader makes the sum smaller, or one of several, or hands it to one that does.
  bool Helps(uint32_t v, int reader) const {
    const Node& node = graph_.nodes(reader);
    const std::vector<int>& set = through_[static_cast<size_t>(reader)];
    const bool in_set = std::any_of(set.begin(), set.end(), [&](int i) {
      return i < node.inputs_size() && node.inputs(i) == v;
    });
    if (!in_set || node.outputs_size() != 1) return false;
    const uint32_t y = node.outputs(0);
    const double before = Bytes(v), after = Bytes(y);
    if (after > before) return false;
    if (set.size() > 1 && node.op() != "concat") return true;
    return after < before || plan_.waits[y];
  }

  double Bytes(uint32_t v) const {
    return LocalBytes(graph::TypeOf(graph_.values(static_cast<int>(v))), plan_.places[v], mesh_);
  }

  const Graph& graph_;
  const Mesh& mesh_;
  const size_t values_;
  std::vector<bool> weight_;
  std::vector<AxisList> may_wait_;         // of each value: axes over which it may be a pending sum
  std::vector<std::vector<int>> readers_;  // nodes of each value, once each
  std::vector<std::vector<int>>
      through_;  // of each node: the operands that may all be pending sums
  GraphPlan plan_;
};

}  // namespace

AxisList CommonSums(const Graph& graph, const Node& node, const std::vector<int>& set,
                    const std::function<AxisList(uint32_t value)>& sums_of) {
  AxisList common;
  bool differ = false, shareable = true;
  for (int i : set) {
    if (i >= node.inputs_size()) continue;
    const graph::Value& value = graph.values(static_cast<int>(node.inputs(i)));
    const AxisList sums = sums_of(node.inputs(i));
    differ = differ || (i != set[0] && sums != common);
    shareable = shareable && value.dims_size() == 0 && chips::IsFloat(value.dtype());
    AxisList both;
    std::set_union(common.begin(), common.end(), sums.begin(), sums.end(),
                   std::back_inserter(both));
    common = std::move(both);
  }
  return differ && !shareable ? AxisList() : common;
}

absl::StatusOr<GraphPlan> PlanGraph(const Graph& annotated, const Mesh& mesh) {
  return Planning(annotated, mesh).Run();
}

}  // namespace strata::distributed
