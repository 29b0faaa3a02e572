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

class Chooser {
 public:
  Chooser(const graph::OpCall& call, OpRule rule, const std::vector<TensorPlace>& inputs,
          const std::vector<TensorPlace>& outputs, const Mesh& mesh)
      : call_(call), rule_(std::move(rule)), inputs_(inputs), outputs_(outputs), mesh_(mesh) {
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
    (place.kept ? kept_ : suggestions_)
        .push_back(ProjectSharding(rule_, dims, place.sharding, mesh_));
  }

  NodePlan Evaluate(const FactorAxes& axes) const {
    NodePlan plan;
    plan.axes = axes;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      plan.inputs.push_back(rule_.any[i] ? inputs_[i].sharding
                                         : ComposeSharding(rule_.inputs[i], axes));
      plan.bytes += ReshardBytes(call_.inputs[i], inputs_[i].sharding, plan.inputs[i], mesh_);
    }
    for (size_t o = 0; o < outputs_.size(); ++o) {
      plan.outputs.push_back(ComposeSharding(rule_.outputs[o], axes));
      plan.outputs[o].pending = Pending(rule_, rule_.outputs[o], axes);
      plan.bytes += ReshardBytes(call_.outputs[o], plan.outputs[o], outputs_[o].sharding, mesh_);
    }
    plan.rule = rule_;
    return plan;
  }

  // At equal bytes the way with cuts is better than the one without: ranks do less.
  bool Consider(const FactorAxes& axes, bool wins_ties) {
    NodePlan plan = Evaluate(axes);
    if (!(plan.bytes < best_.bytes || (wins_ties && plan.bytes == best_.bytes))) return false;
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
      if (rule.factors[f].across == Across::kWhole || !Divides(longer, rule.factors[f].size, mesh))
        break;
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
    if (rule.factors[f].across == Across::kWhole || mine.size() >= more[f].size() ||
        !std::equal(mine.begin(), mine.end(), more[f].begin()))
      continue;
    for (size_t k = mine.size(); k < more[f].size(); ++k) {
      AxisList longer = mine;
      longer.push_back(more[f][k]);
      if (Used(*axes, more[f][k]) || !Divides(longer, rule.factors[f].size, mesh)) break;
      mine = std::move(longer);
    }
  }
  Settle(rule, mesh, axes);
}

NodePlan PlanNode(const graph::OpCall& call, OpRule rule, const std::vector<TensorPlace>& inputs,
                  const std::vector<TensorPlace>& outputs, const Mesh& mesh) {
  return Chooser(call, std::move(rule), inputs, outputs, mesh).Run();
}

}  // namespace strata::distributed
