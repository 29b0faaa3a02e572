#include "chips/numerics/q8_row.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace strata::chips {
namespace {

void RoundBlock(const float* x, int8_t* codes, float* scale) {
  float largest = 0;
  bool finite = true;
  for (int64_t i = 0; i < kQ8Block; ++i) {
    largest = std::max(largest, std::fabs(x[i]));
    finite = finite && std::isfinite(x[i]);
  }
  if (!finite || largest < kQ8Smallest) {
    *scale = finite ? 0.0f : std::numeric_limits<float>::quiet_NaN();
    std::fill_n(codes, kQ8Block, int8_t{0});
    return;
  }
  *scale = largest / 127.0f;
  const float inverse = 127.0f / largest;
  for (int64_t i = 0; i < kQ8Block; ++i)
    codes[i] = static_cast<int8_t>(std::nearbyint(x[i] * inverse));
}

}  // namespace

void RoundRowQ8(const float* x, int64_t blocks, int8_t* codes, float* scales) {
  for (int64_t b = 0; b < blocks; ++b) RoundBlock(x + 32 * b, codes + 32 * b, scales + b);
}

}  // namespace strata::chips
