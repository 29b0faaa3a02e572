// The checks of a ParallelPlan at the boundary, and the plan that most runs use.
//
//   ParallelPlan plan = DataParallelPlan(2);
//   STRATA_RETURN_IF_ERROR(ValidateParallelPlan(plan));  // is it a plan?
//
// A fault is named by its path: "mesh[1].size: ...".
#ifndef STRATA_DISTRIBUTED_PLAN_VALIDATE_H_
#define STRATA_DISTRIBUTED_PLAN_VALIDATE_H_

#include <cstdint>

#include "base/status.h"
#include "distributed/plan/parallel_plan.pb.h"

namespace strata::parallel {

// OK, or INVALID_ARGUMENT with the path of the first field that breaks the contract.
absl::Status ValidateParallelPlan(const ParallelPlan& plan);

// A mesh of one axis "dp" with `ranks` ranks (at least 1; less is made invalid, not mended).
ParallelPlan DataParallelPlan(int ranks);

// Product of the axes' sizes. Of a valid plan.
int64_t RankCount(const ParallelPlan& plan);

// Product of the sizes of the axes of `kind`; 1 without one. Of a valid plan.
int64_t AxisSize(const ParallelPlan& plan, AxisKind kind);

}  // namespace strata::parallel

#endif  // STRATA_DISTRIBUTED_PLAN_VALIDATE_H_
