// WireBytes: what the collectives of a rank's graph send, by the formulas of the algorithm table
// (distributed/collective/algorithm_table.h). shard and rank_index send nothing, a collective_permute its operand on each
// rank (nothing where the offset is a multiple of the ranks).
//
//   STRATA_ASSIGN_OR_RETURN(const auto traffic, WireBytes(rank_graph, mesh, "ring"));
//   traffic.at({"all_reduce", "dp"}).bytes      // sent by all ranks of the mesh together
#ifndef STRATA_DISTRIBUTED_PARTITION_WIRE_BYTES_H_
#define STRATA_DISTRIBUTED_PARTITION_WIRE_BYTES_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "distributed/collective/algorithm.h"
#include "distributed/partition/sharding.h"
#include "framework/graph/graph.pb.h"

namespace strata::distributed {

struct Traffic {
  int64_t calls = 0;  // of one rank
  int64_t bytes = 0;  // sent by all ranks of the mesh together
};

// By op and group: {"all_reduce", "dp"}. `algorithm` as collectives take it: a name of the table, and a verb's default where
// it has none of that name. NOT_FOUND when no verb has; INVALID_ARGUMENT when an operand's dims are not known (bind symbols
// first) or a group is not of the mesh.
absl::StatusOr<std::map<std::pair<std::string, std::string>, Traffic>> WireBytes(
    const graph::Graph& rank_graph, const Mesh& mesh, absl::string_view algorithm);

// What the ranks of a group send in one call, all together.
int64_t BytesOfCall(Verb verb, absl::string_view algorithm, const CallShape& shape);

int64_t TotalBytes(const std::map<std::pair<std::string, std::string>, Traffic>& traffic);

// A line an entry: "all_reduce dp: 3 calls, 4096 bytes".
std::string ToString(const std::map<std::pair<std::string, std::string>, Traffic>& traffic);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PARTITION_WIRE_BYTES_H_
