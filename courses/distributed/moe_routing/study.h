// The lab's study: routers trained, choices dropped, experts placed; and what is claimed about it.
#ifndef STRATA_COURSES_DISTRIBUTED_MOE_ROUTING_STUDY_H_
#define STRATA_COURSES_DISTRIBUTED_MOE_ROUTING_STUDY_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "courses/distributed/moe_routing/expert_traffic.h"
#include "courses/distributed/moe_routing/routing_training.h"
#include "courses/lab/claims.h"

namespace strata::courses {

struct StudyOptions {
  SkewedTask task;
  MoeShape shape;
  int steps = 100;
  int spare_slots = 1;  // of each rank, for replicas of hot experts
};

// The share of choices that find their expert full, by capacity factor.
struct DropCurve {
  Balance balance = Balance::kNone;
  std::vector<double> factors, dropped;
};

struct RoutingStudy {
  StudyOptions options;
  std::vector<RoutingRun> runs;  // one a Balance, in its order
  std::vector<DropCurve> drops;  // of the runs where tokens choose
  std::vector<ExpertTraffic>
      traffic;  // of the run without balancing: experts in order, packed, with replicas
};

absl::StatusOr<RoutingStudy> RunStudy(const StudyOptions& options);
std::vector<Claim> ClaimsOf(const RoutingStudy& study);

// The last steps that loads are judged by.
inline constexpr size_t kJudgedSteps = 20;

}  // namespace strata::courses

#endif  // STRATA_COURSES_DISTRIBUTED_MOE_ROUTING_STUDY_H_
