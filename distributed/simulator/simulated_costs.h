// A tuner for networks with levels: what every algorithm takes on this network, simulated for some sizes beforehand,
// so that a pick is a look into a table. (The formulas of the table of algorithms know one link; see
// distributed/collective/tuner.h.)
//
//   STRATA_ASSIGN_OR_RETURN(const SimulatedCosts costs, SimulatedCosts::Of(network, 16, tuning, 64 << 20));
//   const Algorithm& best = costs.Pick(Verb::kAllReduce, 1 << 20);
#ifndef STRATA_DISTRIBUTED_SIMULATOR_SIMULATED_COSTS_H_
#define STRATA_DISTRIBUTED_SIMULATOR_SIMULATED_COSTS_H_

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "distributed/collective/algorithm.h"
#include "distributed/simulator/network.h"

namespace strata::distributed {

class SimulatedCosts {
 public:
  // For buffers of all ranks' pieces of up to `largest_bytes`, in powers of four. Errors as of SimulateCalls().
  static absl::StatusOr<SimulatedCosts> Of(const Network& network, int ranks, const Tuning& tuning,
                                           int64_t largest_bytes);

  // Of the rows that can be used between so many ranks, the one that takes least; of equal ones the first of the table.
  // `count` as in SimulatedCall. Sizes beyond the samples follow the line of the last two.
  const Algorithm& Pick(Verb verb, int64_t count) const;

  // Between the samples on a straight line: messages cost alpha + beta b. Infinite for a row that is not for so many
  // ranks.
  double Seconds(const Algorithm& algorithm, int64_t count) const;

 private:
  struct Curve {
    const Algorithm* algorithm;
    std::vector<int64_t> counts;
    std::vector<double> seconds;
  };

  static double At(const Curve& curve, int64_t count);

  std::vector<Curve> curves_;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_SIMULATOR_SIMULATED_COSTS_H_
