// FixedPoint: a positive ratio as a 31-bit multiplier and a shift, for integer-only arithmetic. Jacob et al. 2018
// (arXiv:1712.05877), section 2.2: M = 2^-n M0 with M0 in [0.5, 1) held as an integer.
//
//   STRATA_ASSIGN_OR_RETURN(FixedPoint r, FixedPointOf(0.0123));   // multiplier / 2^shift, within 2^-31 of the ratio
#ifndef STRATA_INFERENCE_COMPRESS_FIXED_POINT_H_
#define STRATA_INFERENCE_COMPRESS_FIXED_POINT_H_

#include <cstdint>

#include "base/status.h"

namespace strata::inference {

struct FixedPoint {
  int32_t multiplier = 0;  // in [2^30, 2^31), or less where the shift has reached 62
  int32_t shift = 0;       // in [0, 62]: what requantize takes
};

// The nearest: the error is at most 2^-31 of the ratio, and at most 2^-63 of one below 2^-31. OUT_OF_RANGE unless the ratio
// is a positive number below 2^31 - 1/2.
absl::StatusOr<FixedPoint> FixedPointOf(double ratio);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_COMPRESS_FIXED_POINT_H_
