// NodePlan: how one node runs on the ranks: which mesh axes cut which of its factors, what it asks of its operands and
// how its results come out. Chosen among the ways that the shardings around it suggest, by the bytes that would move.
#ifndef STRATA_DISTRIBUTED_PARTITION_NODE_PLAN_H_
#define STRATA_DISTRIBUTED_PARTITION_NODE_PLAN_H_

#include <vector>

#include "distributed/partition/op_rules.h"
#include "distributed/partition/sharding.h"

namespace strata::distributed {

using FactorAxes = std::vector<AxisList>;  // of each factor

struct NodePlan {
  OpRule rule;
  FactorAxes axes;
  std::vector<Sharding> inputs;   // what each operand must be; nothing pending
  std::vector<Sharding> outputs;  // as they come out, with pending sums
  double cost = 0;
};

// Axes of the factors as a tensor's sharding has them; what does not fit a factor is left out.
FactorAxes ProjectSharding(const OpRule& rule, const DimFactors& dims, const Sharding& sharding,
                           const Mesh& mesh);

// The sharding of a tensor when the factors are cut so.
Sharding ComposeSharding(const DimFactors& dims, const FactorAxes& axes);

// Adds what `more` has and `axes` lacks: to a factor whose list is the beginning of the one in `more`, and axes that no
// factor has. Takes away what leaves a minor factor of a dim cut while the ones before it are not cut to the end.
void MergeAxes(const OpRule& rule, const FactorAxes& more, const Mesh& mesh, FactorAxes* axes);

// A tensor at a node: how it lies, and whether it is a weight: a parameter or the gradient of one. A weight's cuts over
// DATA axes are only how it is kept (ZeRO), and have no say in how the node runs; its other cuts are to compute with, and
// a weight is not moved to spare activations a way.
struct TensorPlace {
  Sharding sharding;
  bool weight = false;
};

// The plan without cuts over `sums`, for operands `set` that are pending sums over them: the node runs on the terms as they
// are, and its results are pending too. False when it cannot: an operand outside the set is cut over one of them.
bool RunOnTerms(const std::vector<int>& set, const AxisList& sums, const Mesh& mesh,
                NodePlan* plan);

NodePlan PlanNode(const graph::OpCall& call, OpRule rule, const std::vector<TensorPlace>& inputs,
                  const std::vector<TensorPlace>& outputs, const Mesh& mesh);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PARTITION_NODE_PLAN_H_
