// fp32 to blocks of weights, one function a format; weight_format.h says what they mean.
//
// Codes are to nearest of the scale that was stored. Scales: q8_0 takes the block's largest magnitude to 127; the
// others try a few around that and keep the one whose codes, after least squares for the scale (and the minimum),
// leave the least squared error. mxfp4 has powers of two: it tries the two that can be right.
#ifndef STRATA_CHIPS_NUMERICS_WEIGHT_ENCODE_H_
#define STRATA_CHIPS_NUMERICS_WEIGHT_ENCODE_H_

#include <cstdint>

namespace strata::chips {

void EncodeF32(const float* values, uint8_t* block);
void EncodeF16(const float* values, uint8_t* block);
void EncodeBf16(const float* values, uint8_t* block);
void EncodeQ8_0(const float* values, uint8_t* block);
void EncodeQ4_0(const float* values, uint8_t* block);
void EncodeQ4_1(const float* values, uint8_t* block);
void EncodeQ5_0(const float* values, uint8_t* block);
void EncodeQ4_K(const float* values, uint8_t* block);
void EncodeQ5_K(const float* values, uint8_t* block);
void EncodeQ6_K(const float* values, uint8_t* block);
void EncodeIq4Nl(const float* values, uint8_t* block);
void EncodeMxFp4(const float* values, uint8_t* block);

}  // namespace strata::chips

#endif  // STRATA_CHIPS_NUMERICS_WEIGHT_ENCODE_H_
