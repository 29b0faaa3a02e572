#include "courses/distributed/failure_recovery/goodput.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace strata::courses {

double YoungInterval(const Machine& m) { return std::sqrt(2 * m.save * m.mtbf); }

double DalyInterval(const Machine& m) {
  if (m.save >= 2 * m.mtbf) return m.mtbf;
  const double x = m.save / (2 * m.mtbf);
  return YoungInterval(m) * (1 + std::sqrt(x) / 3 + x / 9) - m.save;
}

double ExpectedGoodput(const Machine& m, double interval) {
  return interval /
         (m.mtbf * std::exp(m.restart / m.mtbf) * std::expm1((interval + m.save) / m.mtbf));
}

double BestInterval(const Machine& m) {
  const double golden = (std::sqrt(5.0) - 1) / 2;
  double low = std::log(1e-3 * m.save), high = std::log(100 * m.mtbf + m.save);
  const auto goodput = [&](double log_interval) {
    return ExpectedGoodput(m, std::exp(log_interval));
  };
  while (high - low > 1e-9) {
    const double a = high - golden * (high - low), b = low + golden * (high - low);
    (goodput(a) < goodput(b) ? low : high) = goodput(a) < goodput(b) ? a : b;
  }
  return std::exp((low + high) / 2);
}

Simulated Simulate(const Machine& m, double interval, double work, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::exponential_distribution<double> time_to_failure(1 / m.mtbf);
  Simulated run;
  double left = time_to_failure(random);  // until the next failure
  // Runs for `seconds`; false when a failure comes first. `spent` is what was run.
  const auto survives = [&](double seconds, double* spent) {
    *spent = std::min(seconds, left);
    if (seconds < left) {
      left -= seconds;
      return true;
    }
    ++run.failures;
    left = time_to_failure(random);
    return false;
  };
  while (run.work < work) {
    const double part = std::min(interval, work - run.work);
    double worked = 0, saved = 0, restarted = 0;
    if (survives(part, &worked) && survives(m.save, &saved)) {
      run.work += part;
      run.saves += m.save;
      continue;
    }
    run.lost += worked + saved;
    while (!survives(m.restart, &restarted)) run.restarts += restarted;
    run.restarts += restarted;
  }
  run.wall = run.work + run.saves + run.lost + run.restarts;
  run.goodput = run.work / run.wall;
  return run;
}

}  // namespace strata::courses
