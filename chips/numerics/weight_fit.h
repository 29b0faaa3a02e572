// Least-squares fits of small integer codes, for the encoders of weight_encode.h.
//
// Written on vectors of 16 floats: in a search the lanes are 16 scales that are tried, so that every sum runs over the
// block in order and comes out the same on every machine (the target is compiled without contraction).
#ifndef STRATA_CHIPS_NUMERICS_WEIGHT_FIT_H_
#define STRATA_CHIPS_NUMERICS_WEIGHT_FIT_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#define STRATA_INLINE inline __attribute__((always_inline))

namespace strata::chips {

using Floats = float __attribute__((vector_size(64)));
using Ints = int32_t __attribute__((vector_size(64)));
inline constexpr int kLanes = 16;

STRATA_INLINE void Load(const float* from, Floats* to) { __builtin_memcpy(to, from, sizeof(*to)); }

// x to nearest even in [low, high]; `x` is far below 2^22 once clamped.
STRATA_INLINE void ClampAndRound(float low, float high, Floats* x) {
  constexpr float kMagic = 12582912.0f;  // 1.5 * 2^23
  Floats y = *x;
  y = y < low ? low + Floats{} : y;
  y = y > high ? high + Floats{} : y;
  *x = (y + kMagic) - kMagic;
}

// codes[i] = the integer in [low, high] nearest to (x[i] + offset) inverse; n a multiple of 16.
STRATA_INLINE void Codes(const float* x, int n, float offset, float inverse, float low, float high,
                         int* codes) {
  for (int i = 0; i < n; i += kLanes) {
    Floats y;
    Load(x + i, &y);
    y = (y + offset) * inverse;
    ClampAndRound(low, high, &y);
    const Ints integers = __builtin_convertvector(y, Ints);
    __builtin_memcpy(codes + i, &integers, sizeof(integers));
  }
}

struct Range {
  float low;
  float high;
};

// The least and largest of n values, n a multiple of 16.
STRATA_INLINE Range RangeOf(const float* x, int n) {
  Floats low, high;
  Load(x, &low);
  high = low;
  for (int i = kLanes; i < n; i += kLanes) {
    Floats y;
    Load(x + i, &y);
    low = y < low ? y : low;
    high = y > high ? y : high;
  }
  Range range{low[0], high[0]};
  for (int lane = 1; lane < kLanes; ++lane) {
    range.low = std::min(range.low, low[lane]);
    range.high = std::max(range.high, high[lane]);
  }
  return range;
}

STRATA_INLINE bool AllFinite(const float* x, int n) {
  Floats sum{};
  for (int i = 0; i < n; i += kLanes) {
    Floats y;
    Load(x + i, &y);
    sum += y * 0.0f;  // 0, or NaN by a NaN or an infinity
  }
  float total = 0;
  for (int lane = 0; lane < kLanes; ++lane) total += sum[lane];
  return total == 0.0f;
}

// The value of largest magnitude, with its sign.
STRATA_INLINE float Extreme(const float* x, int n) {
  const Range range = RangeOf(x, n);
  return -range.low > range.high ? range.low : range.high;
}

// 1 / x where that is a usable factor, else 0 (which makes all codes those of 0).
STRATA_INLINE float Inverse(float x) {
  const float inverse = 1.0f / x;
  return std::isfinite(inverse) ? inverse : 0.0f;
}

// -1 to 1 - 1/8 in steps of an eighth: 0 is among them.
STRATA_INLINE void Steps(Floats* steps) {
  for (int lane = 0; lane < kLanes; ++lane) (*steps)[lane] = static_cast<float>(lane - 8) / 8;
}

// The lane whose quotient's part of sum x^2 is largest: with d = xq / qq the squared error is sum x^2 - xq^2 / qq.
STRATA_INLINE float BestQuotient(const Floats& xq, const Floats& qq, float otherwise) {
  float best_gain = 0;
  float best = otherwise;
  for (int lane = 0; lane < kLanes; ++lane) {
    const float quotient = xq[lane] / qq[lane];
    const float gain = quotient * xq[lane];
    if (gain > best_gain) {
      best_gain = gain;
      best = quotient;
    }
  }
  return best;
}

// The scale d for which clamp(round(x / d), low, high) d is near x, in least squares. The extreme value is tried at
// codes around `low` (which reaches one step further than `high`), as far as `reach` steps beside it.
STRATA_INLINE float FitScale(const float* x, int n, float low, float high, float reach) {
  const float extreme = Extreme(x, n);
  if (Inverse(extreme) == 0.0f) return 0.0f;
  Floats inverse, xq{}, qq{};
  Steps(&inverse);
  inverse = (low + reach * inverse) * Inverse(extreme);
  for (int i = 0; i < n; ++i) {
    Floats q = x[i] * inverse;
    ClampAndRound(low, high, &q);
    xq += x[i] * q;
    qq += q * q;
  }
  return BestQuotient(xq, qq, extreme / low);
}

// x is near scale q + offset with q in [0, top].
struct ScaleAndOffset {
  float scale = 0;
  float offset = 0;
};

// `offset_limit` is the largest offset allowed: 0 where the format subtracts a minimum, infinity where it adds any.
STRATA_INLINE ScaleAndOffset FitAffine(const float* x, int n, float top, float reach,
                                       float offset_limit) {
  const Range range = RangeOf(x, n);
  const float low = std::min(range.low, offset_limit);
  const float span = range.high - low;
  if (Inverse(span) == 0.0f) return {0.0f, low};
  Floats inverse, q_sum{}, qq{}, xq{};
  Steps(&inverse);
  inverse = (top + reach * inverse) / span;
  float sum = 0;
  for (int i = 0; i < n; ++i) {
    Floats q = (x[i] - low) * inverse;
    ClampAndRound(0.0f, top, &q);
    q_sum += q;
    qq += q * q;
    xq += x[i] * q;
    sum += x[i];
  }
  const float count = static_cast<float>(n);
  const Floats determinant = count * qq - q_sum * q_sum;
  Floats scale = (count * xq - sum * q_sum) / determinant;
  Floats offset = (qq * sum - q_sum * xq) / determinant;
  scale = offset > offset_limit ? (xq - offset_limit * q_sum) / qq : scale;
  offset = offset > offset_limit ? offset_limit + Floats{} : offset;
  // The error of each, with codes to nearest of its own scale.
  Floats error{};
  const Floats inverse_fit = 1.0f / scale;
  for (int i = 0; i < n; ++i) {
    const Floats shifted = x[i] - offset;
    Floats q = shifted * inverse_fit;
    ClampAndRound(0.0f, top, &q);
    const Floats difference = shifted - scale * q;
    error += difference * difference;
  }
  ScaleAndOffset best{span / top, low};
  float best_error = std::numeric_limits<float>::infinity();
  for (int lane = 0; lane < kLanes; ++lane) {
    if (!(error[lane] < best_error)) continue;
    best_error = error[lane];
    best = {scale[lane], offset[lane]};
  }
  return best;
}

// The values of `table`, 16 that rise, which are nearest to x; and their numbers when `codes` is not null.
STRATA_INLINE void NearestOf(const int8_t* table, Floats* x, Ints* codes) {
  Floats value = static_cast<float>(table[0]) + Floats{};
  Ints code{};
  for (int q = 1; q < 16; ++q) {
    const Ints above = *x > 0.5f * static_cast<float>(table[q - 1] + table[q]);
    value = above ? static_cast<float>(table[q]) + Floats{} : value;
    code -= above;
  }
  *x = value;
  if (codes != nullptr) *codes = code;
}

// FitScale() for codes that stand for a table's values, of which the first is the extreme one.
STRATA_INLINE float FitTable(const float* x, int n, const int8_t* table, float reach) {
  const float extreme = Extreme(x, n);
  if (Inverse(extreme) == 0.0f) return 0.0f;
  Floats inverse, xq{}, qq{};
  Steps(&inverse);
  inverse = (static_cast<float>(table[0]) + reach * inverse) * Inverse(extreme);
  for (int i = 0; i < n; ++i) {
    Floats q = x[i] * inverse;
    NearestOf(table, &q, nullptr);
    xq += x[i] * q;
    qq += q * q;
  }
  return BestQuotient(xq, qq, extreme / static_cast<float>(table[0]));
}

}  // namespace strata::chips

#endif  // STRATA_CHIPS_NUMERICS_WEIGHT_FIT_H_
