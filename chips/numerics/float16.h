// Bit-exact conversions between fp32 and the two 16-bit float formats, round to nearest even
// whatever the rounding mode of the thread.
// bf16: the upper half of binary32. fp16: IEEE 754-2008 binary16, with subnormals; overflow goes to infinity.
// NaN stays NaN (quiet, sign and upper payload bits kept).
#ifndef STRATA_CHIPS_NUMERICS_FLOAT16_H_
#define STRATA_CHIPS_NUMERICS_FLOAT16_H_

#include <cstdint>

namespace strata::chips {

float Bf16ToFloat(uint16_t bits);
uint16_t FloatToBf16(float value);

float Fp16ToFloat(uint16_t bits);
uint16_t FloatToFp16(float value);

}  // namespace strata::chips

#endif  // STRATA_CHIPS_NUMERICS_FLOAT16_H_
