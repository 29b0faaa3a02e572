#include "chips/numerics/weight_decode.h"

#include <bit>
#include <cstring>

#include "chips/numerics/float16.h"
#include "chips/numerics/weight_format.h"

namespace strata::chips {
namespace {

uint16_t Word(const uint8_t* bytes) { return static_cast<uint16_t>(bytes[0] | (bytes[1] << 8)); }
float Half(const uint8_t* bytes) { return Fp16ToFloat(Word(bytes)); }

// q4_k and q5_k: codes 64 at a time, the low nibbles of 32 bytes and then the high ones; `fifth` holds for weight l of
// each 32 a byte whose bit j is the fifth bit of sub-block j.
void DecodeK(const uint8_t* block, const uint8_t* fifth, const uint8_t* nibbles, float* values) {
  const float d = Half(block);
  const float m = Half(block + 2);
  for (int j = 0; j < 8; ++j) {
    const ScaleAndMin packed = KScaleAndMin(block + 4, j);
    const float scale = d * packed.scale;
    const float min = m * packed.min;
    const uint8_t* bytes = nibbles + j / 2 * 32;
    const int shift = j % 2 * 4;
    for (int l = 0; l < 32; ++l) {
      int code = (bytes[l] >> shift) & 15;
      if (fifth != nullptr) code |= ((fifth[l] >> j) & 1) << 4;
      values[32 * j + l] = scale * static_cast<float>(code) - min;
    }
  }
}

}  // namespace

float HalfE8M0(uint8_t code) {
  if (code == 255) return std::bit_cast<float>(0x7fc00000u);
  if (code < 2) return std::bit_cast<float>(0x00200000u << code);  // 2^-128 and 2^-127: subnormal
  return std::bit_cast<float>(static_cast<uint32_t>(code - 1) << 23);
}

void DecodeF32(const uint8_t* block, float* values) { std::memcpy(values, block, sizeof(float)); }
void DecodeF16(const uint8_t* block, float* values) { *values = Half(block); }
void DecodeBf16(const uint8_t* block, float* values) { *values = Bf16ToFloat(Word(block)); }

void DecodeQ8_0(const uint8_t* block, float* values) {
  const float d = Half(block);
  for (int i = 0; i < 32; ++i)
    values[i] = d * static_cast<float>(static_cast<int8_t>(block[2 + i]));
}

void DecodeQ4_0(const uint8_t* block, float* values) {
  const float d = Half(block);
  for (int i = 0; i < 16; ++i) {
    values[i] = d * static_cast<float>((block[2 + i] & 15) - 8);
    values[16 + i] = d * static_cast<float>((block[2 + i] >> 4) - 8);
  }
}

void DecodeQ4_1(const uint8_t* block, float* values) {
  const float d = Half(block);
  const float m = Half(block + 2);
  for (int i = 0; i < 16; ++i) {
    values[i] = d * static_cast<float>(block[4 + i] & 15) + m;
    values[16 + i] = d * static_cast<float>(block[4 + i] >> 4) + m;
  }
}

void DecodeQ5_0(const uint8_t* block, float* values) {
  const float d = Half(block);
  const uint32_t fifth = Word(block + 2) | (static_cast<uint32_t>(Word(block + 4)) << 16);
  for (int i = 0; i < 16; ++i) {
    const int low = (block[6 + i] & 15) | static_cast<int>((fifth >> i) & 1) << 4;
    const int high = (block[6 + i] >> 4) | static_cast<int>((fifth >> (16 + i)) & 1) << 4;
    values[i] = d * static_cast<float>(low - 16);
    values[16 + i] = d * static_cast<float>(high - 16);
  }
}

void DecodeQ4_K(const uint8_t* block, float* values) {
  DecodeK(block, nullptr, block + 16, values);
}

void DecodeQ5_K(const uint8_t* block, float* values) {
  DecodeK(block, block + 16, block + 48, values);
}

// Weights 128 at a time: 64 bytes of nibbles and 32 bytes of bit pairs. Quarter g of them has the low (g < 2) or high
// nibbles of bytes 32 (g % 2) + l, and the pair at bit 2 g of byte l.
void DecodeQ6_K(const uint8_t* block, float* values) {
  const float d = Half(block + 208);
  for (int half = 0; half < 2; ++half) {
    const uint8_t* nibbles = block + 64 * half;
    const uint8_t* pairs = block + 128 + 32 * half;
    const uint8_t* scales = block + 192 + 8 * half;
    for (int i = 0; i < 128; ++i) {
      const int quarter = i / 32;
      const int l = i % 32;
      const int low = (nibbles[32 * (quarter % 2) + l] >> (quarter / 2 * 4)) & 15;
      const int code = low | ((pairs[l] >> (2 * quarter)) & 3) << 4;
      const float scale = d * static_cast<float>(static_cast<int8_t>(scales[i / 16]));
      values[128 * half + i] = scale * static_cast<float>(code - 32);
    }
  }
}

void DecodeIq4Nl(const uint8_t* block, float* values) {
  const float d = Half(block);
  for (int i = 0; i < 16; ++i) {
    values[i] = d * static_cast<float>(kIq4NlValues[block[2 + i] & 15]);
    values[16 + i] = d * static_cast<float>(kIq4NlValues[block[2 + i] >> 4]);
  }
}

void DecodeMxFp4(const uint8_t* block, float* values) {
  const float d = HalfE8M0(block[0]);
  for (int i = 0; i < 16; ++i) {
    values[i] = d * static_cast<float>(kMxFp4Doubled[block[1 + i] & 15]);
    values[16 + i] = d * static_cast<float>(kMxFp4Doubled[block[1 + i] >> 4]);
  }
}

}  // namespace strata::chips
