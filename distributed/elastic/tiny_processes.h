// The tiny training on ranks that are processes, and a record of its losses that outlives them: what the tests kill and
// the lab measures.
//
//   STRATA_ASSIGN_OR_RETURN(auto record, LossRecord::Create(/*steps=*/100));
//   TinyRun run;  run.root = "checkpoints";  run.steps = 100;  run.record = record.get();
//   STRATA_ASSIGN_OR_RETURN(auto outcomes, Supervise(options, TinyRankMain(run)));
//   record->losses();
#ifndef STRATA_DISTRIBUTED_ELASTIC_TINY_PROCESSES_H_
#define STRATA_DISTRIBUTED_ELASTIC_TINY_PROCESSES_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "distributed/elastic/shard_trainee.h"
#include "distributed/elastic/supervisor.h"
#include "distributed/elastic/train_loop.h"

namespace strata::distributed {

// Shared memory: the loss of each step, by whichever rank of whichever generation trained it.
class LossRecord {
 public:
  static absl::StatusOr<std::unique_ptr<LossRecord>> Create(int64_t steps);
  ~LossRecord();
  LossRecord(const LossRecord&) = delete;
  LossRecord& operator=(const LossRecord&) = delete;

  // In a rank. A step that was trained before must have the same bits: else it is counted as different.
  void Post(int64_t step, double loss);

  std::vector<double> losses() const;  // [steps]; 0 where none was posted
  int64_t different() const { return cells_[0].trained.load(); }
  // How often a step was trained, all ranks together.
  int64_t trained(int64_t step) const { return cells_[step].trained.load(); }

 private:
  struct Cell {
    std::atomic<uint64_t> bits;
    std::atomic<int64_t> trained;
  };
  LossRecord(Cell* cells, int64_t steps) : cells_(cells), steps_(steps) {}
  Cell* cells_;  // [1 + steps]; the first counts differences
  const int64_t steps_;
};

struct TinyRun {
  std::string root;  // of the checkpoints
  int64_t steps = 0;
  int64_t save_every = 0;
  bool background = true;  // saves
  LossRecord* record = nullptr;
  std::function<void(const Seat&, ShardTraineeOptions&)> change_trainee;  // for faults
  std::function<void(const Seat&, ElasticRun&)> change_run;
};

// A rank's main: the transport that STRATA_TRANSPORT names, ring collectives, TrainElastic() with checkpoints.
RankMain TinyRankMain(TinyRun run);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_ELASTIC_TINY_PROCESSES_H_
