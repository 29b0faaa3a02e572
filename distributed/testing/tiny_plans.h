// ParallelPlans of the tiny models: every parallelism by a number, in the plan's own terms.
//
//   STRATA_ASSIGN_OR_RETURN(parallel::ParallelPlan plan, TinyPlan(model, {.dp = 2, .tp = 2, .zero = parallel::ZERO_1}));
//
// The mesh has the axes "pp", "dp", "ep", "cp", "tp" of more than one rank, in this order: ranks that talk most are
// neighbours. Tensor parallelism is Megatron's (Shoeybi et al., 2019): q, k, v, fc and the head by columns, proj by rows,
// the embedding by rows of the vocabulary; experts are cut over "ep", and inside over "tp".
#ifndef STRATA_DISTRIBUTED_TESTING_TINY_PLANS_H_
#define STRATA_DISTRIBUTED_TESTING_TINY_PLANS_H_

#include <cstdint>
#include <string>

#include "base/status.h"
#include "distributed/plan/parallel_plan.pb.h"
#include "distributed/testing/tiny_models.h"

namespace strata::distributed {

struct TinyParallelism {
  int pp = 1, dp = 1, ep = 1, cp = 1, tp = 1;
  parallel::ZeroStage zero = parallel::ZERO_STAGE_UNSPECIFIED;
  bool sequence_parallel = false;
  parallel::ContextMethod context = parallel::RING;
  std::string schedule = "1f1b";  // of pp; a name of schedule::ScheduleNames()
  int microbatches = 1;
  bool recompute = false;
  int64_t bucket_bytes = 0;
};

// Layers are dealt to the schedule's chunks in runs as even as can be. NOT_FOUND and INVALID_ARGUMENT of the schedule;
// INVALID_ARGUMENT when it has more chunks than the model has layers.
absl::StatusOr<parallel::ParallelPlan> TinyPlan(const TinyModel& model,
                                                const TinyParallelism& parallelism);

// "pp2 x dp2 zero-1": the axes of more than one rank, and what else differs from one device.
std::string Describe(const TinyParallelism& parallelism);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TESTING_TINY_PLANS_H_
