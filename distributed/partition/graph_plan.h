// GraphPlan: the decisions of PartitionSpmd before a node is written: how each node runs, and which pending sums wait.
#ifndef STRATA_DISTRIBUTED_PARTITION_GRAPH_PLAN_H_
#define STRATA_DISTRIBUTED_PARTITION_GRAPH_PLAN_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "base/status.h"
#include "distributed/partition/node_plan.h"
#include "framework/graph/graph.pb.h"

namespace strata::distributed {

struct GraphPlan {
  std::vector<Sharding> places;  // of each value: how it lies for its readers
  std::vector<NodePlan> nodes;
  // Of each value: a sum over ranks that is not made where the value is, but by what reads it.
  std::vector<bool> waits;
};

// INVALID_ARGUMENT: a sharding that does not fit its value.
absl::StatusOr<GraphPlan> PlanGraph(const graph::Graph& annotated, const Mesh& mesh);

// The axes over which all operands of `set` (numbers of the node's operands) are pending sums, `sums_of` a value; none when
// they differ. Floating scalars need not agree: a share of a whole one on each rank is a pending sum too.
AxisList CommonSums(const graph::Graph& graph, const graph::Node& node, const std::vector<int>& set,
                    const std::function<AxisList(uint32_t value)>& sums_of);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PARTITION_GRAPH_PLAN_H_
