// Goodput measured: a small training on four processes, of which one is killed (SIGKILL) at the times of a Poisson
// process, for several numbers of steps between commits.
#ifndef STRATA_COURSES_DISTRIBUTED_FAILURE_RECOVERY_KILLED_RUNS_H_
#define STRATA_COURSES_DISTRIBUTED_FAILURE_RECOVERY_KILLED_RUNS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "courses/distributed/failure_recovery/goodput.h"

namespace strata::courses {

struct KilledRunsOptions {
  std::string scratch;  // a folder for checkpoints, which is made and emptied
  int ranks = 4;
  int64_t steps = 500;          // of each run
  double step_seconds = 0.006;  // a rank sleeps after its step until it took so long
  double mtbf_steps = 100;      // mean time between kills, in measured steps
  std::vector<int64_t> save_every = {1,  2,  4,  8,
                                     16, 32, 64, 128};  // steps between commits, ascending
  uint64_t seed = 1;
};

// A run without failures, and the losses it had.
struct QuietRun {
  double wall = 0;
  int64_t saves = 0;
  std::vector<double> losses;
};

struct KilledRun {
  int64_t save_every = 0;
  int64_t failures = 0;
  int64_t retrained = 0;     // steps that were trained a second time, or more often
  double wall = 0;           // seconds
  double goodput = 0;        // seconds of a step without saves and failures, over wall
  double restart = 0;        // mean seconds from a kill to the first step after it; NaN without
  bool same_losses = false;  // every bit, as the run without failures
};

struct KilledRuns {
  QuietRun quiet, saving;  // with one commit at the end; with one after each step
  double step_seconds =
      0;            // measured: the shortest of the runs without failures, before and between
  Machine machine;  // measured: save, restart, and wall time over kills
  std::vector<KilledRun> runs;
};

// The calling thread must be the only one of the process.
absl::StatusOr<KilledRuns> MeasureKilledRuns(const KilledRunsOptions& options);

}  // namespace strata::courses

#endif  // STRATA_COURSES_DISTRIBUTED_FAILURE_RECOVERY_KILLED_RUNS_H_
