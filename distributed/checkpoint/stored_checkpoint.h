// Reads a committed checkpoint: any rank of any mesh reads the boxes that it wants, whoever wrote them.
//
//   STRATA_ASSIGN_OR_RETURN(GoodCheckpoint good, LatestGood(root));
//   STRATA_ASSIGN_OR_RETURN(StoredCheckpoint stored, StoredCheckpoint::Open(good.folder));
//   std::vector<ShardedTensor> mine = ...;                       // boxes of this rank, storage allocated
//   STRATA_RETURN_IF_ERROR(stored.Load(absl::MakeSpan(mine)));   // fills mine[i].local
//
// Only blocks (256 KiB, see Manifest.block_bytes) that hold wanted bytes are read, and every byte that is given was
// checked: DATA_LOSS names the file, the tensor and the bytes at fault. Falling back to an older checkpoint is the
// caller's choice. A checkpoint that is taken away by retention while it is read gives DATA_LOSS too, never other bytes.
// Thread-safe (immutable).
#ifndef STRATA_DISTRIBUTED_CHECKPOINT_STORED_CHECKPOINT_H_
#define STRATA_DISTRIBUTED_CHECKPOINT_STORED_CHECKPOINT_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "compiler/device/collectives.h"
#include "distributed/checkpoint/manifest.pb.h"
#include "distributed/checkpoint/sharded_tensor.h"

namespace strata::distributed {

class StoredCheckpoint {
 public:
  // A checkpoint's folder. NOT_FOUND when it is none; FAILED_PRECONDITION for another format version; DATA_LOSS when a
  // file is missing, short or long. Reads the manifest alone.
  static absl::StatusOr<StoredCheckpoint> Open(const std::string& folder);

  const std::string& folder() const { return folder_; }
  int64_t step() const { return manifest_.step(); }
  const checkpoint::Manifest& manifest() const { return manifest_; }  // names, dtypes, dims, mesh
  std::map<std::string, std::string> extra() const;                   // as given to Save()

  // Fills `local` of each, in place, by name. NOT_FOUND for a tensor that is not there; INVALID_ARGUMENT for another dtype
  // or other global dims. After an error the content of `local` is undefined.
  absl::Status Load(absl::Span<ShardedTensor> tensors) const;

  // A whole tensor.
  absl::StatusOr<graph::HostTensor> LoadWhole(const std::string& name) const;

  // Reads and checks every byte; `part` of `parts` reads its share, so that ranks can check together.
  absl::Status Verify(int part = 0, int parts = 1) const;

 private:
  StoredCheckpoint(std::string folder, checkpoint::Manifest manifest)
      : folder_(std::move(folder)), manifest_(std::move(manifest)) {}
  absl::StatusOr<const checkpoint::Tensor*> Find(const std::string& name) const;

  std::string folder_;
  checkpoint::Manifest manifest_;
};

struct GoodCheckpoint {
  std::string folder;
  std::vector<absl::Status> passed_over;  // newer or unreadable ones, and why
};

// The newest checkpoint under `root` whose every byte is right. NOT_FOUND when there is none at all; DATA_LOSS when there
// are some and none can be loaded: the message says why, and a run must not begin anew by itself.
absl::StatusOr<GoodCheckpoint> LatestGood(const std::string& root);

// The same on all ranks, who check a share each; they all get the same answer. Of rank 0's view of the root.
absl::StatusOr<GoodCheckpoint> LatestGood(const std::string& root, compiler::Collectives& ranks);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_CHECKPOINT_STORED_CHECKPOINT_H_
