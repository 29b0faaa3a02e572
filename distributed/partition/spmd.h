// PartitionSpmd: the graph of a rank: local shapes, collectives where the shardings ask for them.
//
//   STRATA_ASSIGN_OR_RETURN(graph::Graph annotated, AssignShardings(step, plan));
//   STRATA_ASSIGN_OR_RETURN(graph::Graph mine, PartitionSpmd(annotated, plan));
//
// One program for all ranks: they differ only in what `shard` and `rank_index` give them. Inputs and outputs keep their
// names and order; Value.sharding says how the rank's piece lies in the whole (shard_tensors.h cuts and joins), and every
// output is whole, sums included: a mean over the batch is the mean over all ranks' batches.
//
// Each node runs on the pieces that move the fewest bytes (node_plan.h). Sums that stay pending are added up where they
// are made, or later where ops that are linear in them make them fewer or smaller (q, k and v give one gradient to sum,
// not three). Gathers happen at the first reader and are shared by the others; a parameter that ZeRO-3 keeps cut is
// gathered once for the forward and once for the backward pass, so that it need not be kept in between. Nodes whose origin
// starts with "grad " are the backward pass. With plan.bucket_bytes small collectives are joined (buckets.h).
#ifndef STRATA_DISTRIBUTED_PARTITION_SPMD_H_
#define STRATA_DISTRIBUTED_PARTITION_SPMD_H_

#include "base/status.h"
#include "distributed/plan/parallel_plan.pb.h"
#include "framework/graph/graph.pb.h"

namespace strata::distributed {

// `annotated`: any graph; values without a sharding are replicated. INVALID_ARGUMENT: graph or plan are not valid, or a
// symbolic dim would have to be cut anew or joined (bind it first: BindSymbols). FAILED_PRECONDITION: the graph has
// collectives already.
absl::StatusOr<graph::Graph> PartitionSpmd(const graph::Graph& annotated,
                                           const parallel::ParallelPlan& plan);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PARTITION_SPMD_H_
