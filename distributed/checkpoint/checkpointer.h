// Checkpointer: saves the sharded state of a run while the run goes on.
//
//   STRATA_ASSIGN_OR_RETURN(auto saver, Checkpointer::Open({.root = "run/checkpoints", .keep = 3}, *collectives));
//   while (...) {
//     STRATA_RETURN_IF_ERROR(trainer.Step());
//     if (due) STRATA_RETURN_IF_ERROR(saver->Save(step, trainer.state(), {{"seed", "3"}}));
//   }
//   STRATA_RETURN_IF_ERROR(saver->Wait());
//
// All calls but the destructor are collective: every rank makes the same, and all get the same status.
// - Save() copies what this rank will write and returns; a thread writes it, and rank 0 commits when every rank's part is
//   durable. Training stalls for an exchange of names and one copy (SaveReport.stall_seconds).
// - A checkpoint exists from the instant at which its manifest is renamed into place; before, no reader sees it. At any
//   moment any rank may die (kill -9): the last commit stays loadable, what the dead save left is removed by the next Open().
// - One save is in flight: Save() first waits for the one before, and gives its error instead of saving. After an error the
//   next Save() starts anew.
// - Cells whose bytes are those of the last commit are linked, not written (see Options.full_every). The first save after
//   Open() writes all: what an earlier run left may have been damaged since.
// - The root must be on a file system that all ranks share. Two runs that save to one root: the second Open() is an error.
#ifndef STRATA_DISTRIBUTED_CHECKPOINT_CHECKPOINTER_H_
#define STRATA_DISTRIBUTED_CHECKPOINT_CHECKPOINTER_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "compiler/device/collectives.h"
#include "distributed/checkpoint/file_calls.h"
#include "distributed/checkpoint/save_job.h"
#include "distributed/checkpoint/save_plan.h"
#include "distributed/checkpoint/sharded_tensor.h"

namespace strata::distributed {

// Of the last save that Wait() or Save() waited for, on this rank.
struct SaveReport {
  int64_t step = 0;
  std::string name, folder;  // "step-00000400.5f2c91d0"; with the root before it
  double stall_seconds = 0;  // in Save(): exchange and copy, without waiting for the save before
  double wait_seconds = 0;   // in Save() or Wait(): for this save to end
  double write_seconds = 0;  // in the background: this rank's part, until durable
  uint64_t bytes_copied = 0, bytes_written = 0, bytes_kept = 0;  // kept: linked, not written
  absl::Status
      cleanup;  // of removing older checkpoints; on rank 0. The save itself is good whatever it says
};

class Checkpointer {
 public:
  struct Options {
    std::string root;
    int keep = 3;  // newest good checkpoints that stay; at least 1
    int full_every =
        8;  // every 8th save writes every byte, so that a damaged file harms no more than 8; 1: all do
    bool background = true;                              // false: Save() returns after the commit
    std::vector<std::pair<std::string, int>> mesh = {};  // for the manifest's readers
    uint64_t block_bytes = 256 << 10;                    // of a checksum; a power of two
    std::chrono::milliseconds lock_patience{10'000};     // with another that saves there
    std::chrono::milliseconds part_patience{
        30'000};  // until all ranks' files are visible to rank 0
  };

  // Makes the root, locks it and removes what dead saves left. `ranks` must outlive the checkpointer.
  static absl::StatusOr<std::unique_ptr<Checkpointer>> Open(const Options& options,
                                                            compiler::Collectives& ranks);
  // Gives up a save in flight that was not waited for: it is committed or it is not, but never in part.
  ~Checkpointer() = default;

  // `state` is not read after the return. `extra` (of rank 0) comes with the checkpoint.
  absl::Status Save(int64_t step, absl::Span<const ShardedTensor> state,
                    const std::map<std::string, std::string>& extra = {});
  // Until no save is in flight.
  absl::Status Wait();

  const SaveReport& last_report() const { return report_; }

 private:
  Checkpointer(Options options, compiler::Collectives& ranks)
      : options_(std::move(options)), ranks_(ranks) {}
  absl::Status OpenRoot();
  // Rank 0's offer, when all ranks can save; `holding`: of this rank.
  absl::StatusOr<checkpoint::Offer> ExchangeOffers(
      int64_t step, const absl::StatusOr<checkpoint::Holding>& holding, bool* same_cells);
  absl::Status ExchangeHoldings(const checkpoint::Holding& holding);  // makes plan_
  std::vector<ShardedTensor> Snapshot(absl::Span<const ShardedTensor> state);
  checkpoint::Manifest NewManifest(const checkpoint::Offer& offer,
                                   const std::map<std::string, std::string>& extra);
  absl::Status EndSave();
  absl::Status WithRemedy(const absl::Status& status) const;

  const Options options_;
  compiler::Collectives& ranks_;
  std::unique_ptr<FileLock> lock_;  // rank 0
  std::string last_name_;  // folder of the last commit; on other ranks that of the last Save()
  uint32_t saves_since_full_ = 0;  // of the last commit; this and the next two on rank 0
  uint64_t next_sequence_ = 1;
  bool full_next_ = true;                   // until this run's first commit
  uint32_t next_saves_since_full_ = 0;      // of the save in flight
  std::string holding_;                     // of the save before, serialized
  std::vector<PlannedTensor> plan_;         // of what all ranks held then
  std::vector<graph::HostTensor> buffers_;  // of the snapshot, used again
  SaveReport report_, in_flight_;
  std::unique_ptr<SaveJob> job_;  // last: its thread reads the buffers
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_CHECKPOINT_CHECKPOINTER_H_
