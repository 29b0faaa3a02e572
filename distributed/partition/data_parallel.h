// Data parallelism as a Graph rewrite: every rank runs the same graph on its shard of the batch, and gradients are
// averaged where they are made.
//
//   STRATA_ASSIGN_OR_RETURN(graph::Graph mine, PartitionDataParallel(step, parallel::DataParallelPlan(2)));
//   STRATA_ASSIGN_OR_RETURN(auto inputs, ShardBatch(step, global_inputs, transport.rank(), transport.size()));
//
// The graph's batch is the symbol "B", the leading dim of the DATA inputs that are split; a rank binds it to its shard's
// size. What the rewrite needs to know the graph says: Value.gradient_of marks gradients, Output.combine says how the
// shards' results make the whole. One all_reduce a gradient: buckets of small ones are a later pass's business.
//
// Equal shards and a loss that is a mean over the batch give the training of one rank with the whole batch, but for the
// rounding of sums.
#ifndef STRATA_DISTRIBUTED_PARTITION_DATA_PARALLEL_H_
#define STRATA_DISTRIBUTED_PARTITION_DATA_PARALLEL_H_

#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "distributed/plan/parallel_plan.pb.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/host_tensor.h"

namespace strata::distributed {

inline constexpr char kBatchSymbol[] = "B";

// The graph of any rank of `plan` (data parallelism makes them all alike). After each value marked gradient_of that
// depends on the shard comes an all_reduce (mean), and its readers read that; those that only go on to make another
// marked gradient read the rank's own, so that each gradient is averaged once. An output that combines by MEAN is
// averaged too. With one data-parallel rank the graph is returned as it is.
//
// The plan and the graph are checked. INVALID_ARGUMENT when there is no batch to split, when an input or output cannot
// be split as it says, or when an update or a REPLICATED output would differ between ranks; FAILED_PRECONDITION when the
// graph has collectives already; UNIMPLEMENTED for plans that CheckExecutable refuses.
absl::StatusOr<graph::Graph> PartitionDataParallel(const graph::Graph& graph,
                                                   const parallel::ParallelPlan& plan);

// A rank's share of a call's inputs: DATA inputs with leading "B" are cut into `size` equal pieces of which it copies
// the `rank`-th; the others are the same storage. `graph` may be the one before or after the rewrite.
// INVALID_ARGUMENT names an input that does not fit or does not divide.
absl::StatusOr<std::vector<graph::HostTensor>> ShardBatch(
    const graph::Graph& graph, absl::Span<const graph::HostTensor> inputs, int rank, int size);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PARTITION_DATA_PARALLEL_H_
