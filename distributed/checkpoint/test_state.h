// For tests of checkpoints: global tensors, ways to cut them over ranks, and runs of ranks on threads.
#ifndef STRATA_DISTRIBUTED_CHECKPOINT_TEST_STATE_H_
#define STRATA_DISTRIBUTED_CHECKPOINT_TEST_STATE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/status.h"
#include "compiler/device/collectives.h"
#include "distributed/checkpoint/sharded_tensor.h"

namespace strata::distributed {

// What all ranks together hold.
using GlobalState = std::map<std::string, graph::HostTensor>;

// A tensor of random bytes.
graph::HostTensor RandomTensor(chips::DType dtype, std::vector<int64_t> dims,
                               std::mt19937_64& random);

// A few tensors of several dtypes and ranks, a scalar and an empty one among them; the same seed gives the same.
GlobalState SmallState(uint64_t seed);

// cells[name]: boxes that tile the tensor, and the ranks that hold each (at least one).
struct Layout {
  struct HeldBox {
    Box box;
    std::vector<int> ranks;
  };
  int ranks = 1;
  std::map<std::string, std::vector<HeldBox>> cells;
};

// Cut at random places, with replicas, in regular grids and irregular tilings.
Layout RandomLayout(const GlobalState& state, int ranks, std::mt19937_64& random);

// Dim 0 of each tensor over all ranks, as far as it goes; scalars replicated.
Layout RowLayout(const GlobalState& state, int ranks);

// What a rank holds: copies of its boxes, or zeros of their shape.
std::vector<ShardedTensor> CutState(const GlobalState& state, const Layout& layout, int rank);
std::vector<ShardedTensor> EmptyLike(const std::vector<ShardedTensor>& state);

// To the bit.
bool SameBits(const graph::HostTensor& a, const graph::HostTensor& b);
bool SameBits(const std::vector<ShardedTensor>& a, const std::vector<ShardedTensor>& b);

// `body` on each rank, on a thread of its own.
absl::Status OnRanks(int ranks, const std::function<absl::Status(compiler::Collectives&)>& body);

// Path of a folder of the test's that is not there yet. In memory where there is such a file system: on a busy disk these
// tests do little but wait for fsync.
std::string FreshFolder(const std::string& name);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_CHECKPOINT_TEST_STATE_H_
