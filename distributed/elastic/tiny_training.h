// A small training for tests of what survives: a classifier of 7 features, 16 hidden units and 5 classes, whose batch of
// 24 points is 24 micro-shards. Milliseconds a step with the reference interpreter.
#ifndef STRATA_DISTRIBUTED_ELASTIC_TINY_TRAINING_H_
#define STRATA_DISTRIBUTED_ELASTIC_TINY_TRAINING_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/status.h"
#include "distributed/elastic/shard_trainee.h"
#include "distributed/elastic/trainee.h"

namespace strata::distributed {

absl::StatusOr<MicroShardModel> TinyModel();

// Makes ShardTrainees of it.
TraineeFactory TinyTrainee(ShardTraineeOptions options = {});

// Commits in the memory of this process, for ranks that are threads. All ranks open a view of the same one.
class MemoryCommits {
 public:
  CommitStoreFactory factory();
  int saves() const { return saves_; }

 private:
  friend class MemoryStore;
  std::mutex mutex_;
  int64_t last_ = 0;
  int saves_ = 0;
  std::map<int64_t, std::map<std::string, std::vector<float>>> tensors_;  // [step][name]: row-major
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_ELASTIC_TINY_TRAINING_H_
