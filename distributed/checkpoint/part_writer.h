// One rank's part of a save: its cells, as a safetensors file and links to files of the save before.
//
// In the file a whole tensor has its own name and a cell its slice besides, "wq[0:16, 8:16]", so that any reader of
// safetensors can open it.
#ifndef STRATA_DISTRIBUTED_CHECKPOINT_PART_WRITER_H_
#define STRATA_DISTRIBUTED_CHECKPOINT_PART_WRITER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "distributed/checkpoint/manifest.pb.h"
#include "distributed/checkpoint/sharded_tensor.h"

namespace strata::distributed {

struct PartJob {
  std::string folder;    // of the new checkpoint; made when missing
  std::string file;      // name of the file in it
  std::string previous;  // folder of the checkpoint before, or ""
  uint64_t block_bytes = 0;
  std::vector<ShardedTensor> cells;  // each with elements; not written by others meanwhile
};

// Everything of the part is durable when this returns. Cells that have the same bytes in `previous` are not written: the
// file that has them is linked into the folder, or they are written after all where that cannot be done.
absl::StatusOr<checkpoint::Part> WritePart(const PartJob& job);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_CHECKPOINT_PART_WRITER_H_
