// AssignShardings: from a few annotations to a sharding of every value.
//
//   shardings { tensor: "*.mlp.fc.weight"   axes: ["", "tp"] }      // Megatron: columns, then rows
//   shardings { tensor: "*.mlp.proj.weight" axes: ["tp", ""] }
//   STRATA_ASSIGN_OR_RETURN(graph::Graph annotated, AssignShardings(step, plan));
//
// 1. Annotations of the plan (a glob on names of values; the first that matches counts) and those already in the graph
//    are fixed. The batch (dim 0 of DATA inputs) is cut over all DATA and EXPERT axes, tokens (dim 1 of integer DATA
//    inputs) over the CONTEXT axes.
// 2. They spread through the nodes by the factors of op_rules.h, forward and backward until nothing changes. A dim is
//    only ever cut further; the first claim on an axis stands, those of fixed values before others. Parameters and state
//    take TENSOR and EXPERT axes only.
// 3. With sequence_parallel, what of the residual stream has no TENSOR axis yet is cut along its tokens over them,
//    starting from the embeddings (Korthikanti et al. 2022, arXiv:2205.05198).
// 4. ZeRO (Rajbhandari et al. 2020, arXiv:1910.02054) cuts over the DATA axes, along the first dim that they divide: the
//    optimizer's state (1), gradients too (2), parameters too (3).
//
// Deterministic: a function of the graph and the plan.
#ifndef STRATA_DISTRIBUTED_PARTITION_PROPAGATE_H_
#define STRATA_DISTRIBUTED_PARTITION_PROPAGATE_H_

#include "base/status.h"
#include "distributed/plan/parallel_plan.pb.h"
#include "framework/graph/graph.pb.h"

namespace strata::distributed {

// The symbol of the batch: when DATA inputs have it as dim 0 only those are cut; otherwise those with the dim 0 of the
// first DATA input that is no scalar.
inline constexpr char kBatchSymbol[] = "B";

// INVALID_ARGUMENT: a plan or graph that is not valid, an annotation that fits no value or not the ones it names, a mesh
// with DATA axes and a graph without a batch, a batch that they do not divide.
absl::StatusOr<graph::Graph> AssignShardings(const graph::Graph& global,
                                             const parallel::ParallelPlan& plan);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PARTITION_PROPAGATE_H_
