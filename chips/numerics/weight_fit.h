// Least-squares fits of small integer codes, for the encoders of weight_encode.h.
#ifndef STRATA_CHIPS_NUMERICS_WEIGHT_FIT_H_
#define STRATA_CHIPS_NUMERICS_WEIGHT_FIT_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace strata::chips {

// To nearest even, for magnitudes below 2^22.
inline float RoundSmall(float x) {
  constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23
  return (x + kMagic) - kMagic;
}

inline bool AllFinite(const float* x, int n) {
  float sum = 0;
  for (int i = 0; i < n; ++i) sum += x[i] * 0.0f;  // 0, or NaN by a NaN or an infinity
  return sum == 0.0f;
}

// The value of largest magnitude, with its sign.
inline float Extreme(const float* x, int n) {
  float low = 0;
  float high = 0;
  for (int i = 0; i < n; ++i) {
    low = std::min(low, x[i]);
    high = std::max(high, x[i]);
  }
  return -low > high ? low : high;
}

// 1 / x where that is a usable factor, else 0 (which makes all codes those of 0).
inline float Inverse(float x) {
  const float inverse = 1.0f / x;
  return std::isfinite(inverse) ? inverse : 0.0f;
}

// The scale d for which clamp(round(x / d), low, high) d is near x, in least squares. The extreme value is tried at
// codes around `low` (which reaches one step further than `high`), as far as `reach` steps beside it.
inline float FitScale(const float* x, int n, float low, float high, float reach) {
  const float extreme = Extreme(x, n);
  if (Inverse(extreme) == 0.0f) return 0.0f;
  float best_gain = 0;
  float best = extreme / low;
  constexpr int kTries = 9;
  for (int t = -kTries; t <= kTries; ++t) {
    const float inverse = (low + reach * static_cast<float>(t) / kTries) * Inverse(extreme);
    float xq = 0;
    float qq = 0;
    for (int i = 0; i < n; ++i) {
      const float q = std::clamp(RoundSmall(x[i] * inverse), low, high);
      xq += x[i] * q;
      qq += q * q;
    }
    // With the best d = xq / qq the squared error is sum x^2 - xq^2 / qq.
    const float gain = qq > 0 ? xq / qq * xq : 0.0f;
    if (gain > best_gain) {
      best_gain = gain;
      best = xq / qq;
    }
  }
  return best;
}

// x is near scale q + offset with q in [0, top].
struct ScaleAndOffset {
  float scale = 0;
  float offset = 0;
};

// `offset_limit` is the largest offset allowed: 0 where the format subtracts a minimum, infinity where it adds any.
inline ScaleAndOffset FitAffine(const float* x, int n, float top, float reach, float offset_limit) {
  const float low = std::min(*std::min_element(x, x + n), offset_limit);
  const float range = *std::max_element(x, x + n) - low;
  if (Inverse(range) == 0.0f) return {0.0f, low};
  float sum_x = 0;
  for (int i = 0; i < n; ++i) sum_x += x[i];
  ScaleAndOffset best{range / top, low};
  float best_error = std::numeric_limits<float>::infinity();
  constexpr int kTries = 9;
  for (int t = -kTries; t <= kTries; ++t) {
    const float inverse = (top + reach * static_cast<float>(t) / kTries) / range;
    float q_sum = 0;
    float qq = 0;
    float xq = 0;
    for (int i = 0; i < n; ++i) {
      const float q = std::clamp(RoundSmall((x[i] - low) * inverse), 0.0f, top);
      q_sum += q;
      qq += q * q;
      xq += x[i] * q;
    }
    const float determinant = static_cast<float>(n) * qq - q_sum * q_sum;
    if (determinant <= 0) continue;
    ScaleAndOffset fit{(static_cast<float>(n) * xq - sum_x * q_sum) / determinant,
                       (qq * sum_x - q_sum * xq) / determinant};
    if (fit.offset > offset_limit) fit = {xq / qq, offset_limit};
    const float inverse_fit = Inverse(fit.scale);
    float error = 0;
    for (int i = 0; i < n; ++i) {
      const float q = std::clamp(RoundSmall((x[i] - fit.offset) * inverse_fit), 0.0f, top);
      const float difference = x[i] - fit.offset - fit.scale * q;
      error += difference * difference;
    }
    if (error < best_error) {
      best_error = error;
      best = fit;
    }
  }
  return best;
}

}  // namespace strata::chips

#endif  // STRATA_CHIPS_NUMERICS_WEIGHT_FIT_H_
