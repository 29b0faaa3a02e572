#include "courses/distributed/failure_recovery/claims.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace strata::courses {
namespace {

// Two intervals are as near as the sweep's grid and its noise allow: the top is flat.
constexpr double kNear = 1.6;
// Of single runs with a few failures each, on a machine that may do other things meanwhile.
constexpr double kFar = 8;

double Ratio(double a, double b) { return std::max(a / b, b / a); }

std::string Percent(double x) { return absl::StrFormat("%.2f %%", 100 * x); }

}  // namespace

Sweep SweepIntervals(const Machine& machine, int per_octave, int seeds) {
  Sweep sweep;
  sweep.machine = machine;
  const double middle = DalyInterval(machine);
  for (int i = -3 * per_octave; i <= 3 * per_octave; ++i) {
    const double interval = middle * std::exp2(static_cast<double>(i) / per_octave);
    double sum = 0;
    for (int seed = 1; seed <= seeds; ++seed)
      sum += Simulate(machine, interval, 200 * machine.mtbf, static_cast<uint64_t>(seed)).goodput;
    sweep.intervals.push_back(interval);
    sweep.simulated.push_back(sum / seeds);
    sweep.expected.push_back(ExpectedGoodput(machine, interval));
  }
  const auto best = std::max_element(sweep.simulated.begin(), sweep.simulated.end());
  sweep.best_simulated = sweep.intervals[static_cast<size_t>(best - sweep.simulated.begin())];
  return sweep;
}

std::vector<Claim> ClaimsOfSweep(const std::string& name, const Sweep& sweep) {
  const Machine& m = sweep.machine;
  const double young = YoungInterval(m), daly = DalyInterval(m), best = BestInterval(m);
  const double most = ExpectedGoodput(m, best);
  double worst = 0;
  for (size_t i = 0; i < sweep.intervals.size(); ++i)
    worst = std::max(worst, std::abs(sweep.simulated[i] - sweep.expected[i]));
  std::vector<Claim> claims;
  claims.push_back({name + ": the simulation has the goodput of Daly's model within 0.02",
                    worst < 0.02, absl::StrFormat("largest difference %.4f", worst)});
  claims.push_back({absl::StrCat(name, ": the simulated optimum is within a factor ", kNear,
                                 " of Daly's interval"),
                    Ratio(sweep.best_simulated, daly) < kNear,
                    absl::StrFormat("%.4g s, Daly %.4g s, Young %.4g s, exact %.4g s",
                                    sweep.best_simulated, daly, young, best)});
  const double lost_daly = 1 - ExpectedGoodput(m, daly) / most;
  const double lost_young = 1 - ExpectedGoodput(m, young) / most;
  claims.push_back(
      {name +
           ": Daly's interval loses less than 0.1 % of the best goodput, and no more than Young's",
       lost_daly < 1e-3 && lost_daly <= lost_young + 1e-12,
       absl::StrCat("Daly ", Percent(lost_daly), ", Young ", Percent(lost_young))});
  return claims;
}

std::vector<Claim> ClaimsOfCounts(const KilledRuns& runs) {
  int64_t failures = 0;
  bool same = true, bounded = true;
  for (const KilledRun& run : runs.runs) {
    failures += run.failures;
    same = same && run.same_losses;
    bounded = bounded && run.retrained <= run.failures * run.save_every;
  }
  return {
      {"every killed run has the losses of the undisturbed one, to the bit", same && failures > 0,
       absl::StrCat(failures, " kills in ", runs.runs.size(), " runs")},
      {"a failure costs at most the steps between two commits", bounded,
       absl::StrCat(failures, " kills")},
  };
}

std::vector<Claim> ClaimsOfTimes(const KilledRuns& runs) {
  double best = 0, at = 0;
  for (const KilledRun& run : runs.runs) {
    if (run.goodput <= best) continue;
    best = run.goodput;
    at = static_cast<double>(run.save_every) * runs.step_seconds;
  }
  const double daly = DalyInterval(runs.machine);
  return {{absl::StrCat("the best interval measured is within a factor ", kFar, " of Daly's"),
           at > 0 && Ratio(at, daly) < kFar,
           absl::StrFormat("goodput %.3f at %.3g s; Daly %.3g s", best, at, daly)}};
}

}  // namespace strata::courses
