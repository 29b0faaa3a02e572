#include "distributed/simulator/simulated_costs.h"

#include <algorithm>
#include <limits>

#include "distributed/collective/algorithm_table.h"
#include "distributed/simulator/simulate_calls.h"

namespace strata::distributed {
namespace {

constexpr int64_t kStep = 4;

bool IsWhole(Verb verb) {
  return verb == Verb::kAllReduce || verb == Verb::kBroadcast || verb == Verb::kReduce;
}

}  // namespace

absl::StatusOr<SimulatedCosts> SimulatedCosts::Of(const Network& network, int ranks,
                                                  const Tuning& tuning, int64_t largest_bytes) {
  SimulatedCosts costs;
  std::vector<SimulatedCall> calls;
  for (const Algorithm& row : AlgorithmTable()) {
    if (ranks > 1 && !row.takes(ranks, tuning)) continue;
    Curve curve = {&row, {}, {}};
    const int64_t most = largest_bytes / 4 / (IsWhole(row.verb) ? 1 : ranks);
    for (int64_t count = 1; count <= std::max(kStep, most); count *= kStep) {
      curve.counts.push_back(count);
      calls.push_back({&row, count});
    }
    costs.curves_.push_back(curve);
  }
  STRATA_ASSIGN_OR_RETURN(const std::vector<double> seconds,
                          SimulateCalls(network, ranks, calls, tuning));
  size_t next = 0;
  for (Curve& curve : costs.curves_) {
    for (size_t k = 0; k < curve.counts.size(); ++k) curve.seconds.push_back(seconds[next++]);
  }
  return costs;
}

double SimulatedCosts::At(const Curve& curve, int64_t count) {
  // The first sample from there on, but never the first or beyond the last of all.
  const auto from = std::lower_bound(curve.counts.begin() + 1, curve.counts.end() - 1, count);
  const size_t k = static_cast<size_t>(from - curve.counts.begin());
  const double low = static_cast<double>(curve.counts[k - 1]);
  const double high = static_cast<double>(curve.counts[k]);
  const double share = (static_cast<double>(count) - low) / (high - low);
  return curve.seconds[k - 1] + share * (curve.seconds[k] - curve.seconds[k - 1]);
}

const Algorithm& SimulatedCosts::Pick(Verb verb, int64_t count) const {
  const Curve* best = nullptr;
  for (const Curve& curve : curves_) {
    if (curve.algorithm->verb != verb) continue;
    if (best == nullptr || At(curve, count) < At(*best, count)) best = &curve;
  }
  return *best->algorithm;  // the first row of a verb takes any number of ranks
}

double SimulatedCosts::Seconds(const Algorithm& algorithm, int64_t count) const {
  for (const Curve& curve : curves_) {
    if (curve.algorithm == &algorithm) return At(curve, count);
  }
  return std::numeric_limits<double>::infinity();  // not for so many ranks
}

}  // namespace strata::distributed
