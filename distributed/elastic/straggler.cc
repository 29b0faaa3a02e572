#include "distributed/elastic/straggler.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace strata::distributed {

double Median(std::vector<double> values) {
  const size_t half = values.size() / 2;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(half),
                   values.end());
  const double high = values[half];
  if (values.size() % 2 == 1) return high;
  return (high +
          *std::max_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(half))) /
         2;
}

std::string Describe(const Straggler& s) {
  return absl::StrFormat("rank %d straggles: %.3g ms a step, %.3g times the median", s.rank,
                         s.seconds * 1e3, s.seconds / s.typical);
}

StragglerDetector::StragglerDetector(int ranks, StragglerRule rule)
    : rule_(rule), recent_(static_cast<size_t>(ranks)) {}

std::vector<Straggler> StragglerDetector::Observe(absl::Span<const double> seconds) {
  std::vector<double> times;
  for (size_t rank = 0; rank < recent_.size(); ++rank) {
    std::deque<double>& recent = recent_[rank];
    recent.push_back(seconds[rank]);
    if (recent.size() > static_cast<size_t>(rule_.window)) recent.pop_front();
    times.push_back(Median({recent.begin(), recent.end()}));
  }
  if (recent_[0].size() < static_cast<size_t>(rule_.window)) return {};
  // Of two the faster one is what a healthy rank does.
  const double typical = times.size() == 2 ? std::min(times[0], times[1]) : Median(times);
  std::vector<double> distances;
  for (double time : times) distances.push_back(std::abs(time - typical));
  const double chance = times.size() == 2 ? 0 : rule_.deviations * 1.4826 * Median(distances);
  std::vector<Straggler> found;
  for (size_t rank = 0; rank < times.size(); ++rank) {
    if (times[rank] > rule_.ratio * typical && times[rank] - typical > chance)
      found.push_back({static_cast<int>(rank), times[rank], typical});
  }
  return found;
}

}  // namespace strata::distributed
