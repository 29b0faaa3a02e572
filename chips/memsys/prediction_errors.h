// How far predictions are from what is measured, on average, and whether that is too far.
//
//   PredictionErrors errors;
//   errors.Add(prediction, measured_ns);
//   STRATA_RETURN_IF_ERROR(CheckMeanError(errors, 0.35));
#ifndef STRATA_CHIPS_MEMSYS_PREDICTION_ERRORS_H_
#define STRATA_CHIPS_MEMSYS_PREDICTION_ERRORS_H_

#include "base/status.h"
#include "chips/memsys/staircase.h"

namespace strata::chips::memsys {

// Sizes of relative errors, as fractions of what is measured; the mean of none is 0.
class PredictionErrors {
 public:
  void Add(const Prediction& predicted, double measured);

  int steps() const { return steps_; }
  double MeanSpec() const;   // with the spec's capacities
  double MeanShare() const;  // with our share of the last cache

 private:
  double spec_ = 0, share_ = 0;  // sums
  int steps_ = 0;
};

// INTERNAL when MeanShare() is more than `most`, a fraction, or no number; 0 lets all pass.
absl::Status CheckMeanError(const PredictionErrors& errors, double most);

}  // namespace strata::chips::memsys

#endif  // STRATA_CHIPS_MEMSYS_PREDICTION_ERRORS_H_
