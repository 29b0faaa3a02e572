// Tune: searches a space for the cheapest config within a budget of seconds and trials.
//
//   TuneOptions options;
//   options.strategy = "model";
//   options.budget_seconds = 5;
//   STRATA_ASSIGN_OR_RETURN(TuneResult result, Tune(space, key, options, &measure, &log));
//   space.Print(result.best.config);
//
// Resumes: what the log knows of the key is history and not measured again. Every trial is appended to the log as it is
// made. At the end the best few are timed again in turns, so that a drift of the machine hits all alike, by themselves and
// with what follows them, and their medians decide. Given the same costs and no limit of time, the same seed gives the same result.
#ifndef STRATA_COMPILER_TUNE_TUNER_H_
#define STRATA_COMPILER_TUNE_TUNER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "compiler/tune/measure.h"
#include "compiler/tune/search_space.h"
#include "compiler/tune/strategy.h"
#include "compiler/tune/tuning_log.h"

namespace strata::compiler::tune {

struct TuneProgress {
  int trials = 0;  // measured so far
  double seconds = 0;
  const Trial* best = nullptr;  // nullptr: none without a failure yet
};

struct TuneOptions {
  std::string strategy = "model";  // a name in StrategyRegistry()
  uint64_t seed = 1;
  // >= 1; measured in this run, without those of the log and of the last round.
  int max_trials = 64;
  double budget_seconds = 5;  // > 0; of all, the last round too
  int batch = 8;              // proposals at a time, >= 1
  std::vector<Config>
      first;          // measured before the strategy is asked: a default, the best of a like task
  int finalists = 3;  // timed again in turns; 0 or 1: no last round
  // Timed with them whatever its rank, once it has been measured: what would be chosen without tuning.
  std::optional<Config> baseline;
  int rounds = 5;  // turns of the last round, >= 1
  Features::Extra extra_features = nullptr;
  std::function<double()> clock = nullptr;                      // seconds; unset: the steady clock
  std::function<void(const TuneProgress&)> progress = nullptr;  // after each batch
};

struct TuneResult {
  Trial best;                 // the least cost
  Trial best_with_epilogue;   // the least epilogue_cost; `best` where nothing follows
  std::vector<Trial> trials;  // those of the log first, then in order of measuring
  std::vector<Trial>
      finalists;  // with the costs of the last round, the cheapest first; empty without one
  // The options' baseline in the last round, failed when it was not in it.
  Trial baseline{{}, 0, "not timed in the last round"};
  double rival = 0;    // Measure::RunRival in the last round; 0: there is none
  int resumed = 0;     // trials that came from the log
  int measured = 0;    // trials of this run
  int64_t ranked = 0;  // candidates that a cost model has ranked to choose those
  double seconds = 0;
  std::string stopped;  // "trials", "time" or "space": what there was no more of
};

// INVALID_ARGUMENT for bad options or a first config that is not valid; FAILED_PRECONDITION, with the first failure,
// when no config could be measured, or none of the last round.
absl::StatusOr<TuneResult> Tune(const SearchSpace& space, const TuningKey& key,
                                const TuneOptions& options, Measure* measure, TuningLog* log);

}  // namespace strata::compiler::tune

#endif  // STRATA_COMPILER_TUNE_TUNER_H_
