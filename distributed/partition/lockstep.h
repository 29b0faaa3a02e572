// Lockstep: the graph of a rank on all ranks of a mesh at once, in one thread, node by node; collectives are a few lines
// of obvious code on all ranks' values. The oracle of the partitioner's tests: it needs no transport and knows nothing
// of algorithms.
#ifndef STRATA_DISTRIBUTED_PARTITION_LOCKSTEP_H_
#define STRATA_DISTRIBUTED_PARTITION_LOCKSTEP_H_

#include <vector>

#include "base/status.h"
#include "distributed/partition/sharding.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/host_tensor.h"

namespace strata::distributed {

using RankTensors = std::vector<std::vector<graph::HostTensor>>;  // [rank][input or output]

// `inputs` of each rank, in the order of the graph's inputs. Updates are not carried out: read the outputs.
absl::StatusOr<RankTensors> RunLockstep(const graph::Graph& graph, const Mesh& mesh,
                                        const RankTensors& inputs);

// AssignShardings (with `assign`) and PartitionSpmd of a global graph, run in lockstep on pieces of `inputs`; the outputs
// joined again, in order. INTERNAL when replicas of an output differ in a bit.
absl::StatusOr<std::vector<graph::HostTensor>> RunPartitioned(
    const graph::Graph& global, const parallel::ParallelPlan& plan, bool assign,
    const std::vector<graph::HostTensor>& inputs);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PARTITION_LOCKSTEP_H_
