// A few lines that run a graph on one rank: ops by their reference kernels, collectives by Collectives. The oracle of the
// rewrites, before any compiler has a hand in it.
#ifndef STRATA_DISTRIBUTED_PARTITION_GRAPH_RUNNER_H_
#define STRATA_DISTRIBUTED_PARTITION_GRAPH_RUNNER_H_

#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "compiler/device/collectives.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/host_tensor.h"

namespace strata::distributed {

// Outputs in order; inputs that the graph updates are overwritten.
absl::StatusOr<std::vector<graph::HostTensor>> RunOnRank(const graph::Graph& graph,
                                                         absl::Span<const graph::HostTensor> inputs,
                                                         compiler::Collectives& collectives);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PARTITION_GRAPH_RUNNER_H_
