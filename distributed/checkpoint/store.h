// A root: the folder that holds the checkpoints of one run, a folder each.
//
//   ROOT/.lock                                       held by the one that saves
//   ROOT/step-00000400.5f2c91d0/manifest.textproto   makes the folder a checkpoint; it appears when all else is durable
//                               rank-00003-of-00008.5f2c91d0.safetensors
//   ROOT/step-00000500.0badcafe/rank-...             no manifest: a save in flight, or a dead one
//
// A folder is never changed after its commit. Which checkpoint is newer is said by the manifests' sequence, not by the step:
// a run that went back to step 300 and saved 400 again has two of step 400.
#ifndef STRATA_DISTRIBUTED_CHECKPOINT_STORE_H_
#define STRATA_DISTRIBUTED_CHECKPOINT_STORE_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "distributed/checkpoint/file_calls.h"
#include "distributed/checkpoint/manifest.pb.h"

namespace strata::distributed {

// "step-00000400.5f2c91d0".
std::string CheckpointFolderName(int64_t step, absl::string_view id);

struct Commit {
  std::string name;    // "step-00000400.5f2c91d0"
  std::string folder;  // with the root before it
  int64_t step = 0;
  uint64_t sequence = 0;
  uint32_t saves_since_full = 0;
};

struct Commits {
  std::vector<Commit>
      whole;  // the newest first: manifest valid, every file there and as long as it says
  std::vector<Commit> broken;  // manifest valid, but a file is missing or has another length
  std::vector<absl::Status>
      reasons;  // why folders with a manifest are not whole; unreadable manifests too
};

// NOT_FOUND when there is no such folder.
absl::StatusOr<Commits> ListCommits(const std::string& root);

// OK when every file of the checkpoint is there with its length; DATA_LOSS names one that is not. Reads no data.
absl::Status CheckFilesAreThere(const std::string& folder, const checkpoint::Manifest& manifest);

// The following need the root's lock.

// Waits up to `patience` for another that saves there (one that is being killed, say), then FAILED_PRECONDITION.
absl::StatusOr<std::unique_ptr<FileLock>> LockRoot(const std::string& root,
                                                   std::chrono::milliseconds patience);

// Takes away folders of saves that were never committed, and in others what no manifest names. Leaves alone what it does
// not understand: other names, manifests that it cannot read.
absl::Status RemoveDeadSaves(const std::string& root);

// Takes away what is older than the `keep` (>= 1) newest whole checkpoints.
absl::Status RetainNewest(const std::string& root, int keep);

// The manifest first, so that at no moment a part of it looks whole.
absl::Status RemoveCheckpoint(const std::string& folder);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_CHECKPOINT_STORE_H_
