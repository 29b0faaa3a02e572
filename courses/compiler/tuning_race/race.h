// The race: random, evolutionary and learned search over the same landscapes, whose optimum exhaustive search knows.
//
//   STRATA_ASSIGN_OR_RETURN(const Race race, RunRace({}));
//   for (const Claim& claim : ClaimsOf(race)) ...
//
// Costs are counted (landscape.h), not timed: every run gives the same race.
#ifndef STRATA_COURSES_COMPILER_TUNING_RACE_RACE_H_
#define STRATA_COURSES_COMPILER_TUNING_RACE_RACE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "courses/lab/claims.h"
#include "courses/lab/report.h"

namespace strata::courses {

struct RaceOptions {
  int seeds = 11;          // runs of each strategy, >= 1
  int model_trials = 128;  // of the learned search, >= 96; the others take kOtherTrials
};
inline constexpr int kOtherTrials = 256;

// Best cost so far over the optimum, after each trial: the median run, and the quarters around it.
struct Curve {
  std::string strategy;
  std::vector<double> median, lower, upper;
  // Trials after which the median run is within 20 %, 5 % and 2 % of the optimum; 0: not yet at the end.
  int within20 = 0, within5 = 0, within2 = 0;
};

struct Course {
  std::string landscape;
  int64_t points = 0;  // of the space
  int64_t valid = 0;   // with a cost
  double optimum = 0;
  std::string best;  // the optimum's config
  std::vector<Curve> curves;
  // Held-out rank correlation of the cost model after so many samples.
  std::vector<double> samples, correlation;
  // Expected rank and cost of held-out configs, trained on the most samples.
  std::vector<double> scores, costs;
};

struct Race {
  RaceOptions options;
  std::vector<Course> courses;
};

absl::StatusOr<Race> RunRace(const RaceOptions& options);

std::vector<Claim> ClaimsOf(const Race& race);

Report MakeReport(const Race& race);

}  // namespace strata::courses

#endif  // STRATA_COURSES_COMPILER_TUNING_RACE_RACE_H_
