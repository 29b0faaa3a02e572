// A schedule in the contract ParallelPlan (distributed/plan/parallel_plan.proto), and out of it.
//
//   WriteToPlan(schedule, &plan);                        // plan.pipeline, plan.microbatches
//   STRATA_ASSIGN_OR_RETURN(const Schedule same, ReadFromPlan(plan));
//
// The contract writes a backward pass of either kind as BACKWARD; it makes the gradients of the
// weights too unless the plan has a WEIGHT slot of its microbatch and chunk.
#ifndef STRATA_DISTRIBUTED_SCHEDULE_PLAN_H_
#define STRATA_DISTRIBUTED_SCHEDULE_PLAN_H_

#include "base/status.h"
#include "distributed/plan/parallel_plan.pb.h"
#include "distributed/schedule/schedule.h"

namespace strata::schedule {

// Replaces the plan's slots and number of microbatches. Adds chunks without nodes until there are
// as many as the schedule has; takes none away.
void WriteToPlan(const Schedule& schedule, parallel::ParallelPlan* plan);

// Without a name, so that ValidateSchedule() speaks of the plan's fields: check the result with it.
// INVALID_ARGUMENT where a slot has no known kind. Expects one list of slots for each rank of the
// axis.
absl::StatusOr<Schedule> ReadFromPlan(const parallel::ParallelPlan& plan);

}  // namespace strata::schedule

#endif  // STRATA_DISTRIBUTED_SCHEDULE_PLAN_H_
