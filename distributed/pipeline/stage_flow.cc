#include "distributed/pipeline/stage_flow.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace strata::distributed {
namespace {

using graph::Graph;
using graph::Node;

class FlowAnalyser {
 public:
  FlowAnalyser(const Graph& step, size_t stages) : step_(step), stages_(stages) {}

  absl::StatusOr<StageFlow> Run(const StagePatterns& patterns) {
    STRATA_ASSIGN_OR_RETURN(flow_.anatomy, AnalyseStep(step_));
    STRATA_ASSIGN_OR_RETURN(flow_.stage, AssignStages(step_, flow_.anatomy, patterns));
    FindGradients();
    FindCrossings();
    FindWeightOnly();
    return std::move(flow_);
  }

 private:
  bool IsBackward(uint32_t value) const {
    return flow_.anatomy.PhaseOf(value) == StepPhase::kBackward;
  }

  void FindGradients() {
    for (int v = 0; v < step_.values_size(); ++v) {
      const auto value = static_cast<uint32_t>(v);
      if (step_.values(v).gradient_of().empty() || !IsBackward(value)) continue;
      StageFlow::Gradient gradient = {value, {}};
      TakeApart(value, &gradient.parts);
      flow_.gradients.push_back(std::move(gradient));
    }
  }

  // A sum over stages that nothing else of a microbatch reads becomes its addends; its node runs nowhere.
  void TakeApart(uint32_t value, std::vector<uint32_t>* parts) {
    const int n = flow_.anatomy.maker[value];
    const Node& node = step_.nodes(n);
    if (node.op() != "add" || !SpansStages(node) || ReadInMicrobatch(value)) {
      parts->push_back(value);
      return;
    }
    flow_.stage[static_cast<size_t>(n)] = kNoStage;
    for (uint32_t addend : node.inputs()) TakeApart(addend, parts);
  }

  bool SpansStages(const Node& node) const {
    if (!IsBackward(node.inputs(0)) || !IsBackward(node.inputs(1))) return false;
    return flow_.StageOf(node.inputs(0)) != flow_.StageOf(node.inputs(1));
  }

  // By a node of a stage. (The add above in a tree of sums has lost its stage already.)
  bool ReadInMicrobatch(uint32_t value) const {
    const std::vector<int>& readers = flow_.anatomy.readers[value];
    return std::any_of(readers.begin(), readers.end(),
                       [&](int n) { return flow_.stage[static_cast<size_t>(n)] != kNoStage; });
  }

  void FindCrossings() {
    flow_.up.resize(stages_);
    flow_.down.resize(stages_);
    for (int v = 0; v < step_.values_size(); ++v) {
      const auto value = static_cast<uint32_t>(v);
      const int from = flow_.StageOf(value);
      if (from == kNoStage) continue;
      for (int reader : flow_.anatomy.readers[value]) {
        const int to = flow_.stage[static_cast<size_t>(reader)];
        if (to == kNoStage) continue;
        for (int s = from; s < to; ++s) flow_.up[static_cast<size_t>(s)].insert(value);
        for (int s = to; s < from; ++s) flow_.down[static_cast<size_t>(s)].insert(value);
      }
    }
  }

  // Backwards over the nodes: whom each leads to. kMany: several parameters, or the stage before.
  void FindWeightOnly() {
    constexpr int kNobody = -1, kMany = -2;
    std::vector<int> leads_to(static_cast<size_t>(step_.values_size()), kNobody);
    const auto meet = [](int a, int b) {
      return a == kNobody || a == b ? b : b == kNobody ? a : kMany;
    };
    for (size_t g = 0; g < flow_.gradients.size(); ++g)
      for (uint32_t part : flow_.gradients[g].parts)
        leads_to[part] = meet(leads_to[part], static_cast<int>(g));
    for (const std::set<uint32_t>& values : flow_.down)
      for (uint32_t value : values) leads_to[value] = kMany;
    flow_.weight_only.resize(flow_.stage.size());
    for (int n = step_.nodes_size() - 1; n >= 0; --n) {
      const Node& node = step_.nodes(n);
      if (flow_.stage[static_cast<size_t>(n)] == kNoStage) continue;
      if (flow_.anatomy.phase[static_cast<size_t>(n)] != StepPhase::kBackward) continue;
      int target = kNobody;
      for (uint32_t output : node.outputs()) target = meet(target, leads_to[output]);
      for (uint32_t input : node.inputs()) leads_to[input] = meet(leads_to[input], target);
      flow_.weight_only[static_cast<size_t>(n)] = target != kMany;
    }
  }

  const Graph& step_;
  const size_t stages_;
  StageFlow flow_;
};

}  // namespace

absl::StatusOr<StageFlow> AnalyseFlow(const Graph& step, const StagePatterns& patterns) {
  return FlowAnalyser(step, patterns.size()).Run(patterns);
}

}  // namespace strata::distributed
