#include "chips/memsys/prediction_errors.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"

namespace strata::chips::memsys {

void PredictionErrors::Add(const Prediction& predicted, double measured) {
  spec_ += std::abs(predicted.spec / measured - 1);
  share_ += std::abs(predicted.share / measured - 1);
  ++steps_;
}

double PredictionErrors::MeanSpec() const { return spec_ / std::max(steps_, 1); }

double PredictionErrors::MeanShare() const { return share_ / std::max(steps_, 1); }

absl::Status CheckMeanError(const PredictionErrors& errors, double most) {
  if (most == 0 || errors.MeanShare() <= most) return absl::OkStatus();
  return absl::InternalError(absl::StrFormat(
      "the mean error of %d predicted steps is %.3f, with our share of the last cache, more than "
      "--max-mean-error=%g; try again on a quieter machine, or give --max-mean-error=0",
      errors.steps(), errors.MeanShare(), most));
}

}  // namespace strata::chips::memsys
