// Blocks of weights to fp32, one function a format; weight_format.h says what they mean.
#ifndef STRATA_CHIPS_NUMERICS_WEIGHT_DECODE_H_
#define STRATA_CHIPS_NUMERICS_WEIGHT_DECODE_H_

#include <cstdint>

namespace strata::chips {

void DecodeF32(const uint8_t* block, float* values);
void DecodeF16(const uint8_t* block, float* values);
void DecodeBf16(const uint8_t* block, float* values);
void DecodeQ8_0(const uint8_t* block, float* values);  // fp16 d, int8 q[32]
void DecodeQ4_0(const uint8_t* block, float* values);  // fp16 d, nibbles[16]
void DecodeQ4_1(const uint8_t* block, float* values);  // fp16 d, fp16 m, nibbles[16]
void DecodeQ5_0(const uint8_t* block, float* values);  // fp16 d, fifth bits[4], nibbles[16]
void DecodeQ4_K(const uint8_t* block, float* values);  // fp16 d, fp16 m, scales[12], nibbles[128]
void DecodeQ5_K(const uint8_t* block,
                float* values);  // the same with fifth bits[32] before nibbles
void DecodeQ6_K(const uint8_t* block,
                float* values);  // nibbles[128], pairs[64], int8 s[16], fp16 d
void DecodeIq4Nl(const uint8_t* block, float* values);  // fp16 d, nibbles[16]
void DecodeMxFp4(const uint8_t* block, float* values);  // E8M0 scale, nibbles[16]

// 2^(code - 128): half of an E8M0 scale, as the tables hold doubled values; NaN for 255.
float HalfE8M0(uint8_t code);

}  // namespace strata::chips

#endif  // STRATA_CHIPS_NUMERICS_WEIGHT_DECODE_H_
