// A small training, for tests and labs of what survives: a classifier of 7 features, 16 hidden units and 5 classes, whose batch of
// 24 points is 24 micro-shards. Milliseconds a step with the reference interpreter.
#ifndef STRATA_DISTRIBUTED_ELASTIC_TINY_TRAINING_H_
#define STRATA_DISTRIBUTED_ELASTIC_TINY_TRAINING_H_

#include "base/status.h"
#include "distributed/elastic/shard_trainee.h"
#include "distributed/elastic/trainee.h"

namespace strata::distributed {

inline constexpr int kTinyShards = 24;

absl::StatusOr<MicroShardModel> TinyModel();

// Makes ShardTrainees of it.
TraineeFactory TinyTrainee(ShardTraineeOptions options = {});

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_ELASTIC_TINY_TRAINING_H_
