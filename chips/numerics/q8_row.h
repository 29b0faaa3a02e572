// Activations in int8: 32 elements share a scale in fp32. What x is rounded to before a product with quantised weights.
//
//   std::vector<int8_t> codes(K);  std::vector<float> scales(K / 32);
//   RoundRowQ8(x, K / 32, codes.data(), scales.data());      // x[i] is about scales[i / 32] * codes[i]
//
// With m the largest magnitude of a block: scale = m / 127 and code = x * (127 / m) to the nearest integer, ties to even,
// each step in fp32, so that every implementation gives the same bits. A block with an infinity or a NaN has the scale
// NaN, one with m below 2^-100 is zeros.
#ifndef STRATA_CHIPS_NUMERICS_Q8_ROW_H_
#define STRATA_CHIPS_NUMERICS_Q8_ROW_H_

#include <cstdint>

namespace strata::chips {

inline constexpr int64_t kQ8Block = 32;
inline constexpr float kQ8Smallest = 0x1p-100f;

void RoundRowQ8(const float* x, int64_t blocks, int8_t* codes, float* scales);

}  // namespace strata::chips

#endif  // STRATA_CHIPS_NUMERICS_Q8_ROW_H_
