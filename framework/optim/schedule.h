// CosineSchedule: the learning rate of each step: up in a line, then down along half a cosine
// (Loshchilov and Hutter 2017), then level.
//
//   CosineSchedule schedule{.max_lr = 3e-4, .min_lr = 3e-5, .warmup_steps = 100, .total_steps =
//   2000}; schedule.At(1);     // 3e-6 schedule.At(100);   // 3e-4 schedule.At(2000);  // 3e-5
#ifndef STRATA_FRAMEWORK_OPTIM_SCHEDULE_H_
#define STRATA_FRAMEWORK_OPTIM_SCHEDULE_H_

#include <cstdint>

#include "base/status.h"

namespace strata::framework {

struct CosineSchedule {
  double max_lr = 0;
  double min_lr = 0;
  int64_t warmup_steps = 0;  // max_lr is reached at this step
  int64_t total_steps = 0;   // min_lr is reached at this step

  // `step` counts from 1.
  double At(int64_t step) const;

  // INVALID_ARGUMENT names the field that is out of range.
  absl::Status Validate() const;
};

}  // namespace strata::framework

#endif  // STRATA_FRAMEWORK_OPTIM_SCHEDULE_H_
