// What collectives take on a simulated network: every algorithm of the table as it is, over the simulated transport,
// with messages that carry no data.
//
//   STRATA_ASSIGN_OR_RETURN(const Algorithm* ring, FindAlgorithm(Verb::kAllReduce, "ring"));
//   STRATA_ASSIGN_OR_RETURN(std::vector<double> seconds, SimulateCalls(network, 16, {{ring, 1 << 20}}, tuning));
#ifndef STRATA_DISTRIBUTED_SIMULATOR_SIMULATE_CALLS_H_
#define STRATA_DISTRIBUTED_SIMULATOR_SIMULATE_CALLS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "chips/timeline/timeline.pb.h"
#include "distributed/collective/algorithm.h"
#include "distributed/simulator/network.h"

namespace strata::distributed {

struct SimulatedCall {
  const Algorithm* algorithm = nullptr;
  int64_t count =
      0;  // of 4-byte elements, as in compiler::Collectives; of all_to_all_v: of each pair
  int root = 0;
};

// The seconds from a common start until the last rank is done, of each call. One run of ranks does them all, so that
// thousands take little time. INVALID_ARGUMENT when an algorithm cannot be used between so many ranks, or the network
// has not so many.
absl::StatusOr<std::vector<double>> SimulateCalls(const Network& network, int ranks,
                                                  absl::Span<const SimulatedCall> calls,
                                                  const Tuning& tuning);

// One call, message by message.
absl::StatusOr<chips::Timeline> SimulateTimeline(const Network& network, int ranks,
                                                 const SimulatedCall& call, const Tuning& tuning);

// The same call for the formulas of the table.
CallShape ShapeOf(const SimulatedCall& call, int ranks, const Tuning& tuning);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_SIMULATOR_SIMULATE_CALLS_H_
