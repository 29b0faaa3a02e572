#include "framework/optim/schedule.h"

#include <cmath>
#include <numbers>

namespace strata::framework {

double CosineSchedule::At(int64_t step) const {
  if (step < warmup_steps) {
    return max_lr * static_cast<double>(step) / static_cast<double>(warmup_steps);
  }
  if (step >= total_steps) return min_lr;
  const double progress =
      static_cast<double>(step - warmup_steps) / static_cast<double>(total_steps - warmup_steps);
  return min_lr + 0.5 * (max_lr - min_lr) * (1 + std::cos(std::numbers::pi * progress));
}

absl::Status CosineSchedule::Validate() const {
  if (!(max_lr >= 0)) {
    return absl::InvalidArgumentError(absl::StrCat("max_lr: ", max_lr, " is below 0"));
  }
  if (!(min_lr >= 0 && min_lr <= max_lr)) {
    return absl::InvalidArgumentError(
        absl::StrCat("min_lr: ", min_lr, " is outside [0, max_lr = ", max_lr, "]"));
  }
  if (total_steps < 0) {
    return absl::InvalidArgumentError(absl::StrCat("total_steps: ", total_steps, " is below 0"));
  }
  if (warmup_steps < 0 || warmup_steps > total_steps) {
    return absl::InvalidArgumentError(absl::StrCat(
        "warmup_steps: ", warmup_steps, " is outside [0, total_steps = ", total_steps, "]"));
  }
  return absl::OkStatus();
}

}  // namespace strata::framework
