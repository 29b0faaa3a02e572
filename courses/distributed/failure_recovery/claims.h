// What the lab claims, and whether it holds.
#ifndef STRATA_COURSES_DISTRIBUTED_FAILURE_RECOVERY_CLAIMS_H_
#define STRATA_COURSES_DISTRIBUTED_FAILURE_RECOVERY_CLAIMS_H_

#include <string>
#include <vector>

#include "courses/distributed/failure_recovery/goodput.h"
#include "courses/distributed/failure_recovery/killed_runs.h"
#include "courses/lab/claims.h"

namespace strata::courses {

// Goodput over the interval between commits, simulated (mean of `seeds` runs) and by the closed form.
struct Sweep {
  Machine machine;
  std::vector<double> intervals, simulated, expected;
  double best_simulated = 0;  // the interval
};

// Intervals from an eighth of Daly's to eight times it, `per_octave` an octave; runs of 200 times the mtbf each.
Sweep SweepIntervals(const Machine& machine, int per_octave, int seeds);

// Of the simulation and the formulas; takes no time but the simulation's.
std::vector<Claim> ClaimsOfSweep(const std::string& name, const Sweep& sweep);

// Of counts in the killed runs: no clock is involved.
std::vector<Claim> ClaimsOfCounts(const KilledRuns& runs);

// Of their goodput: depends on the machine and its load.
std::vector<Claim> ClaimsOfTimes(const KilledRuns& runs);

}  // namespace strata::courses

#endif  // STRATA_COURSES_DISTRIBUTED_FAILURE_RECOVERY_CLAIMS_H_
