// WireBytes: what the collectives of a rank's graph send, by formula. With n ranks in a group and b bytes of operand on
// each, all ranks of the group together send
//   all_reduce        2 (n - 1) b         (a ring: reduce_scatter, then all_gather; no algorithm sends less)
//   reduce_scatter    (n - 1) b
//   all_gather        (n - 1) n b
//   all_to_all        (n - 1) b
//   collective_permute  n b               (0 where the offset is a multiple of n)
//   broadcast         (n - 1) b
//   shard, rank_index 0
#ifndef STRATA_DISTRIBUTED_PARTITION_WIRE_BYTES_H_
#define STRATA_DISTRIBUTED_PARTITION_WIRE_BYTES_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "base/status.h"
#include "distributed/partition/sharding.h"
#include "framework/graph/graph.pb.h"

namespace strata::distributed {

struct Traffic {
  int64_t calls = 0;  // of one rank
  int64_t bytes = 0;  // sent by all ranks of the mesh together
};

// By op and group: {"all_reduce", "dp"}. INVALID_ARGUMENT when an operand's dims are not known (bind symbols first) or a
// group is not of the mesh.
absl::StatusOr<std::map<std::pair<std::string, std::string>, Traffic>> WireBytes(
    const graph::Graph& rank_graph, const Mesh& mesh);

int64_t TotalBytes(const std::map<std::pair<std::string, std::string>, Traffic>& traffic);

// A line an entry: "all_reduce dp: 3 calls, 4096 bytes".
std::string ToString(const std::map<std::pair<std::string, std::string>, Traffic>& traffic);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PARTITION_WIRE_BYTES_H_
