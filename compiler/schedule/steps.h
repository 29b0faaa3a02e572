// The steps of a schedule, each as a rewrite of the program. Inside Apply() only: Validate() holds before and after.
#ifndef STRATA_COMPILER_SCHEDULE_STEPS_H_
#define STRATA_COMPILER_SCHEDULE_STEPS_H_

#include "base/status.h"
#include "compiler/schedule/schedule.h"

namespace strata::compiler::schedule {

// What a replay knows besides the program.
struct Replay {
  Program program;
  bool reassociate = false;  // reductions may change the order of their terms
};

absl::Status Run(const Split& step, Replay* replay);
absl::Status Run(const Reorder& step, Replay* replay);
absl::Status Run(const Tile& step, Replay* replay);
absl::Status Run(const Fuse& step, Replay* replay);
absl::Status Run(const Mark& step, Replay* replay);
absl::Status Run(const ComputeAt& step, Replay* replay);
absl::Status Run(const CacheRead& step, Replay* replay);
absl::Status Run(const CacheWrite& step, Replay* replay);
absl::Status Run(const Tensorise& step, Replay* replay);
absl::Status Run(const Pad& step, Replay* replay);
absl::Status Run(const Prefetch& step, Replay* replay);
absl::Status Run(const Reassociate& step, Replay* replay);

}  // namespace strata::compiler::schedule

#endif  // STRATA_COMPILER_SCHEDULE_STEPS_H_
