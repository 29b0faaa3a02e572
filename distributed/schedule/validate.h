// The one check of any schedule, made here or elsewhere.
//
//   STRATA_RETURN_IF_ERROR(ValidateSchedule(schedule));
//   STRATA_RETURN_IF_ERROR(ValidateSchedule(schedule, {.peak_activations = 8}));
//
// What holds of a valid schedule:
// - work: each microbatch runs through every chunk, once forward and once back, both on the same
//   rank; a BACKWARD_INPUT has its WEIGHT, a BACKWARD has none; every rank has slots.
// - order: ranks that run their slots in order, and wait for what a slot needs, all come to their
//   end.
// - memory: no rank holds more activations than the limit.
//
// Errors are INVALID_ARGUMENT with the path to the slot and what to do about it:
//   "pipeline[0]: WEIGHT of microbatch 3, chunk 0 is missing; add it after pipeline[0].slots[9]"
//   "deadlock: pipeline[0].slots[1] (BACKWARD of ...) waits for pipeline[1].slots[1] (...); ..."
// RESOURCE_EXHAUSTED where a limit is broken.
#ifndef STRATA_DISTRIBUTED_SCHEDULE_VALIDATE_H_
#define STRATA_DISTRIBUTED_SCHEDULE_VALIDATE_H_

#include "base/status.h"
#include "distributed/schedule/schedule.h"

namespace strata::schedule {

struct Limits {
  double peak_activations = 0;  // of any rank, in chunks (activations.h); 0: no limit
  double kept_for_weight = 1;   // likewise
};

absl::Status ValidateSchedule(const Schedule& schedule, const Limits& limits = {});

}  // namespace strata::schedule

#endif  // STRATA_DISTRIBUTED_SCHEDULE_VALIDATE_H_
