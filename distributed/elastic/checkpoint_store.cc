#include "distributed/elastic/checkpoint_store.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distributed/checkpoint/store.h"
#include "distributed/checkpoint/stored_checkpoint.h"

namespace strata::distributed {
namespace {

class CheckpointStore : public CommitStore {
 public:
  CheckpointStore(std::string root, std::unique_ptr<Checkpointer> saver,
                  compiler::Collectives& collectives)
      : root_(std::move(root)), saver_(std::move(saver)), collectives_(collectives) {}

  absl::StatusOr<int64_t> LastCommit() override {
    // The saver's lock is this run's, so what is there now stays until it saves.
    const absl::StatusOr<GoodCheckpoint> good = LatestGood(root_, collectives_);
    if (absl::IsNotFound(good.status())) return NoCommit(good.status());
    if (!good.ok()) return good.status();
    STRATA_ASSIGN_OR_RETURN(const StoredCheckpoint stored, StoredCheckpoint::Open(good->folder));
    folder_ = good->folder;
    return stored.step();
  }

  absl::Status Save(int64_t step, const std::vector<ShardedTensor>& state) override {
    return saver_->Save(step, state);
  }

  absl::Status Finish() override { return saver_->Wait(); }

  absl::Status Load(int64_t step, const std::vector<ShardedTensor>& state) override {
    STRATA_ASSIGN_OR_RETURN(const StoredCheckpoint stored, StoredCheckpoint::Open(folder_));
    if (stored.step() != step) {
      return absl::FailedPreconditionError(absl::StrCat(folder_, ": is of step ", stored.step(),
                                                        ", but step ", step, " was asked for"));
    }
    std::vector<ShardedTensor> cells = state;  // which share the storage
    return stored.Load(absl::MakeSpan(cells));
  }

 private:
  // A new run, or one whose commits are all damaged: that must not start over by itself.
  absl::StatusOr<int64_t> NoCommit(const absl::Status& why) const {
    STRATA_ASSIGN_OR_RETURN(const Commits commits, ListCommits(root_));
    if (commits.whole.empty() && commits.broken.empty() && commits.reasons.empty()) return 0;
    return absl::DataLossError(absl::StrCat(why.message(), "; move ", root_,
                                            " away to start over, or put a good copy there"));
  }

  const std::string root_;
  const std::unique_ptr<Checkpointer> saver_;
  compiler::Collectives& collectives_;
  std::string folder_;  // of the last commit
};

}  // namespace

CommitStoreFactory CheckpointCommits(Checkpointer::Options options) {
  return [options = std::move(options)](
             compiler::Collectives& collectives) -> absl::StatusOr<std::unique_ptr<CommitStore>> {
    STRATA_ASSIGN_OR_RETURN(std::unique_ptr<Checkpointer> saver,
                            Checkpointer::Open(options, collectives));
    return std::make_unique<CheckpointStore>(options.root, std::move(saver), collectives);
  };
}

}  // namespace strata::distributed
