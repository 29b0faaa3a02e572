// A save in flight on one rank, in a thread of its own: writes the rank's part; rank 0 commits when all parts are there.
//
// Ranks meet on the file system, not over the transport, which the training step goes on using: a rank's part is durable
// before its "rank-00003.part" appears; rank 0 waits for all of these, and its manifest is the commit.
#ifndef STRATA_DISTRIBUTED_CHECKPOINT_SAVE_JOB_H_
#define STRATA_DISTRIBUTED_CHECKPOINT_SAVE_JOB_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <string>
#include <thread>

#include "base/status.h"
#include "distributed/checkpoint/manifest.pb.h"
#include "distributed/checkpoint/part_writer.h"

namespace strata::distributed {

class SaveJob {
 public:
  struct Input {
    int rank = 0;
    PartJob part;
    // Of rank 0 alone: the manifest but for files and cells, and how many checkpoints stay.
    checkpoint::Manifest manifest;
    int keep = 1;
  };
  struct Written {
    uint64_t bytes_written = 0, bytes_kept = 0;
    double seconds = 0;
  };

  explicit SaveJob(Input input);
  ~SaveJob();  // cancels
  SaveJob(const SaveJob&) = delete;
  SaveJob& operator=(const SaveJob&) = delete;

  // Until this rank's part is durable or has failed. Once.
  absl::StatusOr<Written> WaitWritten() { return written_.get_future().get(); }
  // All ranks' parts are durable: from now on rank 0 does not wait longer than `patience` to see them.
  void ExpectAllParts(std::chrono::milliseconds patience);
  void Cancel() { cancelled_ = true; }
  // Until the thread ends. On rank 0: OK when the checkpoint is committed. On others always OK. Once.
  absl::Status Finish();
  // After Finish(): of taking away older checkpoints.
  const absl::Status& cleanup() const { return cleanup_; }

 private:
  void Run();
  absl::Status WritePartAndSayIt(Written* written);
  absl::Status Commit();
  absl::StatusOr<checkpoint::Part> AwaitPart(uint32_t rank) const;
  absl::Status TooLate() const;  // not OK when it is pointless to wait on

  const Input input_;
  std::atomic<bool> cancelled_ = false;
  std::atomic<int64_t> deadline_ = INT64_MAX;  // of the steady clock, in its ticks
  std::promise<absl::StatusOr<Written>> written_;
  absl::Status committed_, cleanup_;
  std::thread thread_;  // last: it uses the others
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_CHECKPOINT_SAVE_JOB_H_
