#include "distributed/partition/node_plan.h"

#include <algorithm>
#include <set>
#include <utility>

#include "distributed/partition/reshard.h"

namespace strata::distributed {
namespace {

bool Contains(const AxisList& axes, int axis) {
  return std::find(axes.begin(), axes.end(), axis) != axes.end();
}

bool Used(const FactorAxes& axes, int axis) {
  return std::any_of(axes.begin(), axes.end(),
                     [&](const AxisList& list) { return Contains(list, axis); });
}

bool FullyCut(const OpRule& rule, const FactorAxes& axes, int factor, const Mesh& mesh) {
  const Factor& f = rule.factors[static_cast<size_t>(factor)];
  return !f.size.is_symbol() && f.size.size() == mesh.Size(axes[static_cast<size_t>(factor)]);
}

// Takes away axes of minor factors behind one that is not fully cut; whether there were any.
bool DropUnreachable(const OpRule& rule, const DimFactors& dims, const Mesh& mesh,
                     FactorAxes* axes) {
  bool dropped = false;
  for (const std::vector<int>& factors : dims) {
    for (size_t k = 1; k < factors.size(); ++k) {
      AxisList& minor = (*axes)[static_cast<size_t>(factors[k])];
      if (minor.empty() || FullyCut(rule, *axes, factors[k - 1], mesh)) continue;
      minor.clear();
      dropped = true;
    }
  }
  return dropped;
}

void Settle(const OpRule& rule, const Mesh& mesh, FactorAxes* axes) {
  for (bool dropped = true; dropped;) {
    dropped = false;
    for (const auto* side : {&rule.inputs, &rule.outputs}) {
      for (const DimFactors& dims : *side)
        dropped = DropUnreachable(rule, dims, mesh, axes) || dropped;
    }
  }
}

bool Carries(const DimFactors& dims, int factor) {
  return std::any_of(dims.begin(), dims.end(),
                     [&](const std::vector<int>& factors) { return Contains(factors, factor); });
}

// Axes over which a result is a pending sum: those of cut factors that it does not carry.
AxisList Pending(const OpRule& rule, const DimFactors& dims, const FactorAxes& axes) {
  AxisList pending;
  for (size_t f = 0; f < rule.factors.size(); ++f) {
    const Across across = rule.factors[f].across;
    const bool sums =
        across == Across::kSum || across == Across::kMean || across == Across::kOwnSum;
    if (!sums || Carries(dims, static_cast<int>(f))) continue;
    pending.insert(pending.end(), axes[f].begin(), axes[f].end());
  }
  std::sort(pending.begin(), pending.end());
  return pending;
}

// Flops of a node whose work is products, one as dear as a byte: such a node is not run whole on every rank to spare its
// operands a way. 0 of others, which do but a few flops an element.
double ProductFlops(const graph::OpCall& call) {
  constexpr double kFlopsPerElement = 4;
  const graph::OpDef* def = graph::OpRegistry::Get().Find(call.node->op());
  if (def == nullptr || !def->flops) return 0;
  graph::OpCall concrete = call;
  double elements = 0;
  for (auto* types : {&concrete.inputs, &concrete.outputs}) {
    for (graph::TensorType& type : *types) {
      for (graph::Size& size : type.shape) {
        if (size.is_symbol()) size = kSymbolSize;
      }
      elements += static_cast<double>(type.elements());
    }
  }
  const double flops = WorkOf(*def, concrete).flops;
  return flops >= kFlopsPerElement * elements ? flops : 0;
}

// Whether the factor may be cut by these axes.
bool MayCut(const Factor& factor, const AxisList& axes, const Mesh& mesh) {
  if (factor.across == Across::kWhole || !Divides(axes, factor.size, mesh)) return false;
  if (factor.across == Across::kOwn || factor.across == Across::kOwnSum)
    return !mesh.AnyZigzag(axes);
  return factor.across != Across::kRing ||
         (axes.size() == 1 && mesh.axis(axes[0]).zigzag && !factor.size.is_symbol());
}

constexpr double kWeightMove = 1e18, kBatchMove = 1e12;

class Chooser {
 public:
  Chooser(const graph::OpCall& call, OpRule rule, const std::vector<TensorPlace>& inputs,
          const std::vector<TensorPlace>& outputs, const Mesh& mesh)
      : call_(call),
        rule_(std::move(rule)),
        inputs_(inputs),
        outputs_(outputs),
        mesh_(mesh),
        flops_(ProductFlops(call)) {
    for (size_t o = 0; o < outputs.size(); ++o) Suggest(rule_.outputs[o], outputs[o]);
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!rule_.any[i]) Suggest(rule_.inputs[i], inputs[i]);
    }
  }

  NodePlan Run() {
    best_ = Evaluate(FactorAxes(rule_.factors.size()));
    bool first = true;
    for (size_t leader = 0; leader < suggestions_.size(); ++leader) {
      FactorAxes axes(rule_.factors.size());
      MergeAxes(rule_, suggestions_[leader], mesh_, &axes);
      for (const FactorAxes& other : suggestions_) MergeAxes(rule_, other, mesh_, &axes);
      for (const FactorAxes& other : kept_) MergeAxes(rule_, other, mesh_, &axes);
      Consider(axes, first);
      first = false;
    }
    if (suggestions_.empty()) {
      FactorAxes axes(rule_.factors.size());
      for (const FactorAxes& other : kept_) MergeAxes(rule_, other, mesh_, &axes);
      Consider(axes, true);
    }
    while (MoveAxis()) {
    }
    return std::move(best_);
  }

 private:
  void Suggest(const DimFactors& dims, const TensorPlace& place) {
    const bool kept = place.weight && CutOver(place.sharding, {parallel::DATA_PARALLEL});
    (kept ? kept_ : suggestions_).push_back(ProjectSharding(rule_, dims, place.sharding, mesh_));
  }

  using Kinds = std::set<parallel::AxisKind>;

  // Whether some dim is cut over an axis of these kinds; with `at`, only one that it does not use.
  bool CutOver(const Sharding& sharding, const Kinds& kinds, const Sharding* at = nullptr) const {
    for (const AxisList& axes : sharding.dims) {
      for (int axis : axes) {
        if (kinds.count(mesh_.axis(axis).kind) > 0 && (at == nullptr || !at->Uses(axis)))
          return true;
      }
    }
    return false;
  }

  // Beside the bytes: weights are not gathered over the axes they are computed with, nor the batch, its tokens or its
  // experts' rows over theirs, where there is another way.
  double InputCost(size_t i, const Sharding& want) const {
    static const Kinds kOfWeights = {parallel::TENSOR_PARALLEL, parallel::EXPERT_PARALLEL};
    static const Kinds kOfBatch = {parallel::DATA_PARALLEL, parallel::CONTEXT_PARALLEL,
                                   parallel::EXPERT_PARALLEL};
    const TensorPlace& place = inputs_[i];
    double cost = ReshardBytes(call_.inputs[i], place.sharding, want, mesh_);
    if (rule_.any[i]) return cost;
    if (CutOver(place.sharding, place.weight ? kOfWeights : kOfBatch, &want))
      cost += place.weight ? kWeightMove : kBatchMove;
    return cost;
  }

  double OutputCost(size_t o, const Sharding& natural) const {
    static const Kinds kOfWeights = {parallel::TENSOR_PARALLEL, parallel::EXPERT_PARALLEL};
    const TensorPlace& place = outputs_[o];
    const bool moved = place.weight && CutOver(place.sharding, kOfWeights, &natural);
    return ReshardBytes(call_.outputs[o], natural, place.sharding, mesh_) +
           (moved ? kWeightMove : 0);
  }

  static AxisList Cuts(const FactorAxes& axes) {
    AxisList all;
    for (const AxisList& list : axes) all.insert(all.end(), list.begin(), list.end());
    return all;
  }

  NodePlan Evaluate(const FactorAxes& axes) const {
    NodePlan plan;
    plan.axes = axes;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      plan.inputs.push_back(rule_.any[i] ? inputs_[i].sharding
                                         : ComposeSharding(rule_.inputs[i], axes));
      plan.cost += InputCost(i, plan.inputs[i]);
    }
    for (size_t o = 0; o < outputs_.size(); ++o) {
      plan.outputs.push_back(ComposeSharding(rule_.outputs[o], axes));
      plan.outputs[o].pending = Pending(rule_, rule_.outputs[o], axes);
      plan.cost += OutputCost(o, plan.outputs[o]);
    }
    plan.cost += flops_ / static_cast<double>(mesh_.Size(Cuts(axes)));
    plan.rule = rule_;
    return plan;
  }

  // At equal bytes the way with cuts is better than the one without: ranks do less.
  bool Consider(const FactorAxes& axes, bool wins_ties) {
    NodePlan plan = Evaluate(axes);
    if (!(plan.cost < best_.cost || (wins_ties && plan.cost == best_.cost))) return false;
    best_ = std::move(plan);
    return true;
  }

  // Gives an axis that cuts a dim which must be whole to a factor that can take it, if that is cheaper: tokens to heads
  // around attention (DeepSpeed-Ulysses, arXiv:2309.14509).
  bool MoveAxis() {
    std::set<int> idle;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (rule_.any[i]) continue;
      for (const AxisList& axes : inputs_[i].sharding.dims) {
        for (int axis : axes) {
          if (!Used(best_.axes, axis)) idle.insert(axis);
        }
      }
    }
    for (int axis : idle) {
      for (size_t f = 0; f < rule_.factors.size(); ++f) {
        FactorAxes more = best_.axes;
        more[f].push_back(axis);
        FactorAxes axes = best_.axes;
        MergeAxes(rule_, more, mesh_, &axes);
        if (axes != best_.axes && Consider(axes, false)) return true;
      }
    }
    return false;
  }

  const graph::OpCall& call_;
  const OpRule rule_;
  const std::vector<TensorPlace>&inputs_, &outputs_;
  const Mesh& mesh_;
  const double flops_;
  std::vector<FactorAxes> suggestions_, kept_;
  NodePlan best_;
};

}  // namespace

FactorAxes ProjectSharding(const OpRule& rule, const DimFactors& dims, const Sharding& sharding,
                           const Mesh& mesh) {
  FactorAxes result(rule.factors.size());
  for (size_t d = 0; d < dims.size(); ++d) {
    size_t k = 0;
    for (int axis : sharding.dims[d]) {
      while (k + 1 < dims[d].size() && FullyCut(rule, result, dims[d][k], mesh)) ++k;
      if (k >= dims[d].size()) break;
      const size_t f = static_cast<size_t>(dims[d][k]);
      AxisList longer = result[f];
      longer.push_back(axis);
      if (!MayCut(rule.factors[f], longer, mesh)) break;
      result[f] = std::move(longer);
    }
  }
  return result;
}

Sharding ComposeSharding(const DimFactors& dims, const FactorAxes& axes) {
  Sharding sharding = Replicated(dims.size());
  for (size_t d = 0; d < dims.size(); ++d) {
    for (int factor : dims[d]) {
      const AxisList& list = axes[static_cast<size_t>(factor)];
      sharding.dims[d].insert(sharding.dims[d].end(), list.begin(), list.end());
    }
  }
  return sharding;
}

void MergeAxes(const OpRule& rule, const FactorAxes& more, const Mesh& mesh, FactorAxes* axes) {
  for (size_t f = 0; f < more.size(); ++f) {
    AxisList& mine = (*axes)[f];
    if (mine.size() >= more[f].size() || !std::equal(mine.begin(), mine.end(), more[f].begin()))
      continue;
    for (size_t k = mine.size(); k < more[f].size(); ++k) {
      AxisList longer = mine;
      longer.push_back(more[f][k]);
      if (Used(*axes, more[f][k]) || !MayCut(rule.factors[f], longer, mesh)) break;
      mine = std::move(longer);
    }
  }
  Settle(rule, mesh, axes);
}

bool RunOnTerms(const std::vector<int>& set, const AxisList& sums, const Mesh& mesh,
                NodePlan* plan) {
  const auto in_sums = [&](int axis) { return Contains(sums, axis); };
  for (size_t i = 0; i < plan->inputs.size(); ++i) {
    if (Contains(set, static_cast<int>(i)) || plan->rule.any[i]) continue;
    if (std::any_of(sums.begin(), sums.end(), [&](int a) { return plan->inputs[i].Uses(a); }))
      return false;
  }
  // A sum that the node itself makes over one of them is another one.
  for (const Sharding& output : plan->outputs) {
    if (std::any_of(output.pending.begin(), output.pending.end(), in_sums)) return false;
  }
  for (AxisList& axes : plan->axes) std::erase_if(axes, in_sums);
  Settle(plan->rule, mesh, &plan->axes);
  for (size_t i = 0; i < plan->inputs.size(); ++i) {
    if (!plan->rule.any[i]) plan->inputs[i] = ComposeSharding(plan->rule.inputs[i], plan->axes);
  }
  for (size_t o = 0; o < plan->outputs.size(); ++o) {
    plan->outputs[o] = ComposeSharding(plan->rule.outputs[o], plan->axes);
    plan->outputs[o].pending = Pending(plan->rule, plan->rule.outputs[o], plan->axes);
  }
  return true;
}

NodePlan PlanNode(const graph::OpCall& call, OpRule rule, const std::vector<TensorPlace>& inputs,
                  const std::vector<TensorPlace>& outputs, const Mesh& mesh) {
  return Chooser(call, std::move(rule), inputs, outputs, mesh).Run();
}

}  // namespace strata::distributed
