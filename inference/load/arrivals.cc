#include "inference/load/arrivals.h"

#include <algorithm>
#include <cmath>

#include "inference/load/load_random.h"

namespace strata::inference {
namespace {

absl::Status Check(const ArrivalOptions& options, int64_t count) {
  if (count < 0) return absl::InvalidArgumentError(absl::StrCat("count: ", count, " is negative"));
  if (!(options.rate > 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("request rate: ", options.rate, " is not above 0; inf sends all at once"));
  }
  if (!(options.burstiness > 0)) {
    return absl::InvalidArgumentError(absl::StrCat("burstiness: ", options.burstiness,
                                                   " is not above 0; 1 is a Poisson process"));
  }
  if (options.burst < 1) {
    return absl::InvalidArgumentError(absl::StrCat("burst: ", options.burst, " is below 1"));
  }
  return absl::OkStatus();
}

// Sums of `count` gaps, scaled to end at `end`.
std::vector<double> GammaTimes(int64_t count, double burstiness, double end, uint64_t seed) {
  LoadRandom random(seed);
  std::vector<double> times;
  double time = 0;
  for (int64_t i = 0; i < count; ++i) {
    time += std::isinf(burstiness) ? 1 : random.Gamma(burstiness);
    times.push_back(time);
  }
  for (double& t : times) t = time > 0 ? t / time * end : 0;
  return times;
}

}  // namespace

absl::StatusOr<std::vector<double>> ArrivalTimes(const ArrivalOptions& options, int64_t count,
                                                 uint64_t seed) {
  STRATA_RETURN_IF_ERROR(Check(options, count));
  if (std::isinf(options.rate)) return std::vector<double>(static_cast<size_t>(count), 0.0);
  const int64_t burst = options.kind == ArrivalOptions::Kind::kBurst ? options.burst : 1;
  const std::vector<double> groups = GammaTimes((count + burst - 1) / burst, options.burstiness,
                                                static_cast<double>(count) / options.rate, seed);
  std::vector<double> times;
  for (int64_t i = 0; i < count; ++i) times.push_back(groups[static_cast<size_t>(i / burst)]);
  return times;
}

}  // namespace strata::inference
