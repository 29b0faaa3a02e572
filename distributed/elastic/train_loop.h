// The training loop that survives: a rank's life in one generation. It makes the trainee, puts it where the last commit
// left off, steps, and commits now and then. It ends when all is trained, or with the error that ends the generation;
// whoever watches (supervisor.h, `strata launch --max-restarts`) then starts the next one, which goes on from the last
// commit, with as many ranks as there are.
//
//   ElasticRun run;
//   run.steps = 1000;
//   run.save_every = 50;
//   STRATA_RETURN_IF_ERROR(TrainElastic(make_trainee, open_store, *collectives, run));
#ifndef STRATA_DISTRIBUTED_ELASTIC_TRAIN_LOOP_H_
#define STRATA_DISTRIBUTED_ELASTIC_TRAIN_LOOP_H_

#include <cstdint>
#include <functional>

#include "base/status.h"
#include "compiler/device/collectives.h"
#include "distributed/elastic/board.h"
#include "distributed/elastic/straggler.h"
#include "distributed/elastic/trainee.h"
#include "distributed/elastic/watched_collectives.h"

namespace strata::distributed {

struct ElasticRun {
  int64_t steps = 0;       // the last step to train
  int64_t save_every = 0;  // steps; a commit is made after the last one in any case. 0: only then
  Board::Slot* slot = nullptr;  // of this rank; none: nobody watches
  // Called on every rank after each step, whose loss all ranks have.
  std::function<void(int64_t step, double loss)> on_step;
  // Called on every rank, after each step in which a rank straggles.
  std::function<void(int64_t step, const Straggler&)> on_straggler;
  StragglerRule straggler_rule;
  SecondsClock clock = SteadySeconds;
};

// Errors of the trainee and the store come back with the step or the commit before them, and are posted in the slot as
// this rank's reason.
absl::Status TrainElastic(const TraineeFactory& make_trainee, const CommitStoreFactory& open_store,
                          compiler::Collectives& collectives, const ElasticRun& run);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_ELASTIC_TRAIN_LOOP_H_
