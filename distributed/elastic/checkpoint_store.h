// CommitStore on sharded checkpoints (distributed/checkpoint): what elastic training keeps in a folder that all ranks
// share.
//
//   TrainElastic(make_trainee, CheckpointCommits({.root = "run/checkpoints"}), *collectives, run);
//
// A commit is whole or it is not there; every byte that is loaded was checked. When the newest commit is damaged the one
// before it is taken.
#ifndef STRATA_DISTRIBUTED_ELASTIC_CHECKPOINT_STORE_H_
#define STRATA_DISTRIBUTED_ELASTIC_CHECKPOINT_STORE_H_

#include "distributed/checkpoint/checkpointer.h"
#include "distributed/elastic/trainee.h"

namespace strata::distributed {

// Each rank opens the root in each generation. With options.background a save that is in flight when the run ends is
// waited for.
CommitStoreFactory CheckpointCommits(Checkpointer::Options options);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_ELASTIC_CHECKPOINT_STORE_H_
