// Local ops: a node of the global graph as a rank runs it on its pieces. Most are the same op on smaller dims; ops whose
// rule has factors of their own (Across::kOwn) are written here: vocabulary-parallel embedding and cross entropy
// (Shoeybi et al. 2019, arXiv:1909.08053, section 3), counting along a cut dim.
#ifndef STRATA_DISTRIBUTED_PARTITION_LOCAL_OPS_H_
#define STRATA_DISTRIBUTED_PARTITION_LOCAL_OPS_H_

#include <vector>

#include "base/status.h"
#include "distributed/partition/node_plan.h"
#include "distributed/partition/resharder.h"
#include "framework/graph/builder.h"

namespace strata::distributed {

struct LocalCall {
  graph::OpCall global;  // the node and its types before partitioning
  const NodePlan& plan;
  std::vector<graph::ValueId> inputs;  // of the rank's graph, lying as plan.inputs says
};

// The results, lying as plan.outputs says (with its pending sums).
absl::StatusOr<std::vector<graph::ValueId>> LowerNode(graph::Builder& builder, Resharder& resharder,
                                                      const Mesh& mesh, const LocalCall& call);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PARTITION_LOCAL_OPS_H_
