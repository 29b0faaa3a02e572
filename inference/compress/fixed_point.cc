#include "inference/compress/fixed_point.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace strata::inference {

absl::StatusOr<FixedPoint> FixedPointOf(double ratio) {
  constexpr double kLimit = 2147483647.5;
  if (!(ratio > 0 && ratio < kLimit)) {
    return absl::OutOfRangeError(
        absl::StrCat("a ratio of scales is ", ratio, "; must be above 0 and below 2^31"));
  }
  int exponent = 0;
  std::frexp(ratio, &exponent);  // ratio in [2^(exponent - 1), 2^exponent)
  int shift = std::clamp(31 - exponent, 0, 62);
  double multiplier = std::nearbyint(std::ldexp(ratio, shift));
  if (multiplier >= 2147483648.0) {  // rounded up to a power of two
    multiplier /= 2;
    --shift;
  }
  return FixedPoint{static_cast<int32_t>(multiplier), shift};
}

}  // namespace strata::inference
