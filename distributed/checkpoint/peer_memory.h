// PeerMemory: the state of a run in the memory of two ranks each, for recovery without a disk.
//
//   PeerMemory memory;                                            // outlives a generation of ranks
//   STRATA_RETURN_IF_ERROR(memory.Save(step, state, *ranks));     // here, and in the next rank's memory
//   ... a rank dies; the others and perhaps a new one form a new run, of any size and mesh ...
//   absl::StatusOr<int64_t> step = memory.Load(absl::MakeSpan(state), *ranks);   // NOT_FOUND: load from disk
//
// A step can be loaded when of each rank that saved it, it or the one after it (mod size) is still there. While a save
// replaces another both are held, so that one of them is complete whenever a rank dies. Copies that a checksum finds
// damaged count as lost. Costs two copies of the state in memory, four during a save. (The idea is that of Gemini: Wang et
// al., "Gemini: Fast Failure Recovery in Distributed Training with In-Memory Checkpoints", SOSP 2023.) For one thread.
#ifndef STRATA_DISTRIBUTED_CHECKPOINT_PEER_MEMORY_H_
#define STRATA_DISTRIBUTED_CHECKPOINT_PEER_MEMORY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "compiler/device/collectives.h"
#include "distributed/checkpoint/manifest.pb.h"
#include "distributed/checkpoint/sharded_tensor.h"

namespace strata::distributed {

class PeerMemory {
 public:
  // All ranks call it; `state` is as for Checkpointer::Save(). After an error what was held before still is.
  absl::Status Save(int64_t step, absl::Span<const ShardedTensor> state,
                    compiler::Collectives& ranks);

  // All ranks of a run call it, those with an empty memory too; each says by `state` which cells it wants. Fills them from
  // the newest step that is complete in all memories together, and gives it. NOT_FOUND when none is; INVALID_ARGUMENT for
  // a tensor of another dtype or other dims.
  absl::StatusOr<int64_t> Load(absl::Span<ShardedTensor> state, compiler::Collectives& ranks) const;

  // Bytes of copies held.
  int64_t bytes() const;

 private:
  friend struct PeerMemoryAccess;  // of the test, which damages copies
  struct Copy {
    checkpoint::Recall::Copy of;
    std::string bytes;  // of the cells, in order
    uint64_t checksum = 0;
  };

  std::vector<Copy> copies_;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_CHECKPOINT_PEER_MEMORY_H_
