// Stragglers: ranks that compute slower than the others. In synchronous training every rank's step takes as long as the
// slowest one's; what tells them apart is the time they compute, without the time they wait in collectives.
//
//   StragglerDetector detector(/*ranks=*/8);
//   for (const Straggler& s : detector.Observe(compute_seconds)) ...   // each step, one time a rank
//
// Rule, robust against noise and against the stragglers themselves: over the last `window` steps a rank's time is its
// median. With M the median of the ranks' times and D the median of their distances from it (MAD), a rank straggles when
//   time > ratio * M  and  time - M > deviations * 1.4826 * D.
// The first bound is what matters to the user, the second what could be chance (1.4826 D estimates the standard deviation
// of a normal distribution). Fewer than half of the ranks may straggle; with two ranks the slower one does, if any.
#ifndef STRATA_DISTRIBUTED_ELASTIC_STRAGGLER_H_
#define STRATA_DISTRIBUTED_ELASTIC_STRAGGLER_H_

#include <deque>
#include <string>
#include <vector>

#include "absl/types/span.h"

namespace strata::distributed {

struct Straggler {
  int rank = 0;
  double seconds = 0;  // its median
  double typical = 0;  // the median of all ranks
};

std::string Describe(
    const Straggler& straggler);  // "rank 3 straggles: 4.0 ms a step, 1.9 times the median"

struct StragglerRule {
  int window = 8;
  double ratio = 1.25;
  double deviations = 4;
};

class StragglerDetector {
 public:
  explicit StragglerDetector(int ranks, StragglerRule rule = {});

  // The times of a step, one a rank. Those that straggle by now, by rank; none before a whole window was seen.
  std::vector<Straggler> Observe(absl::Span<const double> seconds);

 private:
  const StragglerRule rule_;
  std::vector<std::deque<double>> recent_;  // [ranks][<= window]
};

// The middle value; the mean of the two middle ones of an even number. At least one value.
double Median(std::vector<double> values);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_ELASTIC_STRAGGLER_H_
