#include "distributed/elastic/memory_commits.h"

#include <algorithm>
#include <memory>

namespace strata::distributed {

using graph::HostTensor;

// Cells are rows or all of a tensor here: one run of elements.
class MemoryStore : public CommitStore {
 public:
  MemoryStore(MemoryCommits& commits, compiler::Collectives& collectives)
      : commits_(commits), collectives_(collectives) {}

  absl::StatusOr<int64_t> LastCommit() override {
    std::lock_guard<std::mutex> lock(commits_.mutex_);
    return commits_.last_;
  }
  absl::Status Save(int64_t step, const std::vector<ShardedTensor>& state) override {
    {
      std::lock_guard<std::mutex> lock(commits_.mutex_);
      for (const ShardedTensor& tensor : state) {
        std::vector<float>& whole = commits_.tensors_[step][tensor.name];
        whole.resize(static_cast<size_t>(WholeBox(tensor.global_dims).elements()));
        std::copy_n(tensor.local.data<float>(), tensor.local.elements(),
                    whole.data() + Begin(tensor));
      }
    }
    STRATA_RETURN_IF_ERROR(collectives_.Barrier());
    if (collectives_.rank() == 0) {
      std::lock_guard<std::mutex> lock(commits_.mutex_);
      commits_.last_ = step;
      ++commits_.saves_;
    }
    return collectives_.Barrier();
  }
  absl::Status Load(int64_t step, const std::vector<ShardedTensor>& state) override {
    std::lock_guard<std::mutex> lock(commits_.mutex_);
    for (const ShardedTensor& tensor : state) {
      HostTensor local = tensor.local;
      std::copy_n(commits_.tensors_[step][tensor.name].data() + Begin(tensor), local.elements(),
                  local.data<float>());
    }
    return absl::OkStatus();
  }

 private:
  static int64_t Begin(const ShardedTensor& tensor) {
    return tensor.offset.size() == 1 ? tensor.offset[0] : 0;
  }
  MemoryCommits& commits_;
  compiler::Collectives& collectives_;
};

CommitStoreFactory MemoryCommits::factory() {
  return
      [this](compiler::Collectives& collectives) -> absl::StatusOr<std::unique_ptr<CommitStore>> {
        return std::make_unique<MemoryStore>(*this, collectives);
      };
}

}  // namespace strata::distributed
