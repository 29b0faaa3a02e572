// Cutting tensors into ranks' pieces and joining them again, on the host.
//
//   HostTensor mine = ShardTensor(whole, sharding, mesh, rank);       // the piece of one rank
//   JoinTensor(pieces, sharding, mesh)                                // pieces of all ranks, by rank
//
// Of a step: ShardInputs() cuts the inputs of the global graph as the rank's graph (PartitionSpmd) wants them.
#ifndef STRATA_DISTRIBUTED_PARTITION_SHARD_TENSORS_H_
#define STRATA_DISTRIBUTED_PARTITION_SHARD_TENSORS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "distributed/partition/sharding.h"
#include "framework/graph/host_tensor.h"

namespace strata::distributed {

// A stretch of a dim: of a rank's piece [local, local + size) is [global, global + size) of the whole.
struct Stretch {
  int64_t local = 0, global = 0, size = 0;
};

// The piece of a dim of `size` that a rank has when `axes` cut it, in order: one stretch, or for a zigzag axis two.
std::vector<Stretch> PieceOfDim(const AxisList& axes, int64_t size, const Mesh& mesh, int64_t rank);

// A copy of the rank's piece; the same storage when nothing is cut. INVALID_ARGUMENT when a dim does not divide.
absl::StatusOr<graph::HostTensor> ShardTensor(const graph::HostTensor& whole,
                                              const Sharding& sharding, const Mesh& mesh,
                                              int64_t rank);

// `pieces` one a rank of the mesh, of the same dims. Of replicas the last rank's counts.
absl::StatusOr<graph::HostTensor> JoinTensor(absl::Span<const graph::HostTensor> pieces,
                                             const Sharding& sharding, const Mesh& mesh);

// The rank's pieces of the inputs of a global graph, in the order of graph.inputs; `graph` is the annotated graph or the
// rank's own. INVALID_ARGUMENT names the input.
absl::StatusOr<std::vector<graph::HostTensor>> ShardInputs(
    const graph::Graph& graph, absl::Span<const graph::HostTensor> inputs, const Mesh& mesh,
    int64_t rank);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PARTITION_SHARD_TENSORS_H_
