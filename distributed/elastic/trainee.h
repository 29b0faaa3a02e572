// What elastic training needs of a training: something that steps, whose state can be saved and put back.
//
// A Trainee is one rank's part. It is made anew in each generation, for that generation's ranks; its state is then read
// from the last commit, whatever number of ranks wrote it.
#ifndef STRATA_DISTRIBUTED_ELASTIC_TRAINEE_H_
#define STRATA_DISTRIBUTED_ELASTIC_TRAINEE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/status.h"
#include "compiler/device/collectives.h"
#include "distributed/checkpoint/sharded_tensor.h"

namespace strata::distributed {

class Trainee {
 public:
  virtual ~Trainee() = default;

  // Trains the step `number` (1, 2, ...) with all ranks; the loss, the same on every rank. The data of a step depend on
  // its number alone. DATA_LOSS when a gradient was found to be corrupt: nothing of the step was applied.
  virtual absl::StatusOr<double> Step(int64_t number) = 0;

  // This rank's cells. They share storage with the trainee: what is loaded into them is its state from then on.
  virtual std::vector<ShardedTensor> State() = 0;

  // The rank that a DATA_LOSS of Step() blames; -1 when none can be named.
  virtual int culprit() const { return -1; }
};

// Makes this rank's trainee in its state before the first step. `collectives` outlives it.
using TraineeFactory =
    std::function<absl::StatusOr<std::unique_ptr<Trainee>>(compiler::Collectives& collectives)>;

// Where commits are kept. All ranks make the same calls.
class CommitStore {
 public:
  virtual ~CommitStore() = default;
  // The last committed step, the same on every rank; 0 when there is none.
  virtual absl::StatusOr<int64_t> LastCommit() = 0;
  // Commits the state as it is now; it may be written while training goes on. The commit is made as a whole or not at
  // all; an error of the one before may come with this one. The commits before it stand.
  virtual absl::Status Save(int64_t step, const std::vector<ShardedTensor>& state) = 0;
  // Waits for saves that are still written.
  virtual absl::Status Finish() { return absl::OkStatus(); }
  // Fills the cells from a commit of any number of ranks. DATA_LOSS when it is not what was written.
  virtual absl::Status Load(int64_t step, const std::vector<ShardedTensor>& state) = 0;
};

using CommitStoreFactory =
    std::function<absl::StatusOr<std::unique_ptr<CommitStore>>(compiler::Collectives& collectives)>;

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_ELASTIC_TRAINEE_H_
