// A trained mixture on several ranks: what each sends to each, and whether the result is that of one device.
#ifndef STRATA_COURSES_DISTRIBUTED_MOE_ROUTING_EXPERT_TRAFFIC_H_
#define STRATA_COURSES_DISTRIBUTED_MOE_ROUTING_EXPERT_TRAFFIC_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "courses/distributed/moe_routing/routing_training.h"
#include "distributed/moe/expert_placement.h"

namespace strata::courses {

struct ExpertTraffic {
  std::string name;
  distributed::ExpertPlacement placement;
  std::vector<std::vector<double>> rows;  // [from][to]: token rows sent to experts, to oneself too
  std::vector<double> rank_rows;          // by rank: rows that its experts worked on
  double wire_bytes =
      0;  // to other ranks in all, counted by the transport: counts, rows there and back
  double formula_bytes = 0;  // what ExpertExchange says
  double largest_error = 0;  // of a result, against every expert on every token
  double error_bound = 0;    // what rounding explains
};

// Runs the tokens of `run.batch`, one group a rank, through the experts at `placement`, on threads. `run` is not one of
// experts that choose. INVALID_ARGUMENT when there are not as many groups as ranks.
absl::StatusOr<ExpertTraffic> RunOnRanks(const std::string& name, const RoutingRun& run,
                                         const distributed::ExpertPlacement& placement);

// How often each expert is chosen in run.ids.
std::vector<double> ChoicesOf(const RoutingRun& run, int64_t experts);

}  // namespace strata::courses

#endif  // STRATA_COURSES_DISTRIBUTED_MOE_ROUTING_EXPERT_TRAFFIC_H_
