// Goodput of a run that fails now and then and goes on from its last commit: the share of the time that is work which
// counts. Formulas, and a simulation that knows none of them.
//
//   const Machine machine = {.mtbf = 3.09 * 3600, .save = 40, .restart = 600};
//   const double interval = DalyInterval(machine);                       // seconds of work between commits
//   ExpectedGoodput(machine, interval);                                   // closed form
//   Simulate(machine, interval, /*work=*/30 * 86400, /*seed=*/1).goodput; // failures drawn
//
// Failures are a Poisson process: the time to the next one is exponential with mean `mtbf`, whatever the run is doing. A
// failure loses the work since the last commit; the restart may fail, too.
#ifndef STRATA_COURSES_DISTRIBUTED_FAILURE_RECOVERY_GOODPUT_H_
#define STRATA_COURSES_DISTRIBUTED_FAILURE_RECOVERY_GOODPUT_H_

#include <cstdint>

namespace strata::courses {

struct Machine {
  double mtbf = 0;     // M: mean seconds between failures of the whole run, > 0
  double save = 0;     // C: seconds that training stands still for a commit, > 0
  double restart = 0;  // R: seconds from a failure to the first step after it, >= 0
};

// sqrt(2 C M). Young, A first order approximation to the optimum checkpoint interval, CACM 17 (1974).
double YoungInterval(const Machine& machine);

// sqrt(2 C M) [1 + 1/3 sqrt(C / 2M) + 1/9 (C / 2M)] - C for C < 2 M, else M. Daly, A higher order estimate of the optimum
// checkpoint interval for restart dumps, FGCS 22 (2006), equation 37.
double DalyInterval(const Machine& machine);

// Daly's complete model, equation 20, as work over expected wall time: t / (M exp(R / M) (exp((t + C) / M) - 1)).
double ExpectedGoodput(const Machine& machine, double interval);

// Where ExpectedGoodput() is largest, by golden-section search.
double BestInterval(const Machine& machine);

struct Simulated {
  double goodput = 0;
  double wall = 0;  // seconds; work, saves, lost and restarts are its parts
  double work = 0, saves = 0, lost = 0, restarts = 0;
  int64_t failures = 0;
};

// A run of `work` seconds, event by event; a commit after each interval. The same seed draws the same failures.
Simulated Simulate(const Machine& machine, double interval, double work, uint64_t seed);

}  // namespace strata::courses

#endif  // STRATA_COURSES_DISTRIBUTED_FAILURE_RECOVERY_GOODPUT_H_
