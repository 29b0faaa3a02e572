// GraphPlan: the decisions of PartitionSpmd before a node is written: how each node runs, and which pending sums wait.
#ifndef STRATA_DISTRIBUTED_PARTITION_GRAPH_PLAN_H_
#define STRATA_DISTRIBUTED_PARTITION_GRAPH_PLAN_H_

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

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PARTITION_GRAPH_PLAN_H_
