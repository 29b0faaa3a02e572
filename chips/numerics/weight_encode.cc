#include "chips/numerics/weight_encode.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "chips/numerics/float16.h"
#include "chips/numerics/weight_decode.h"
#include "chips/numerics/weight_fit.h"
#include "chips/numerics/weight_format.h"

namespace strata::chips {
namespace {

constexpr float kLargestHalf = 65504.0f;
constexpr uint16_t kHalfNan = 0x7e00;

void StoreWord(uint16_t word, uint8_t* bytes) {
  bytes[0] = static_cast<uint8_t>(word);
  bytes[1] = static_cast<uint8_t>(word >> 8);
}

// Stores `value` as fp16, clamped to its finite range, and returns what was stored.
float StoreHalf(float value, uint8_t* bytes) {
  const uint16_t half = FloatToFp16(std::clamp(value, -kLargestHalf, kLargestHalf));
  StoreWord(half, bytes);
  return Fp16ToFloat(half);
}

// The code in [low, high] whose multiple of 1 / inverse is nearest to x.
int Code(float x, float inverse, float low, float high) {
  return static_cast<int>(RoundSmall(std::clamp(x * inverse, low, high)));
}

// A block that decodes to NaNs: all zeros but the scale, an fp16 at `scale_at`.
void StoreNanBlock(uint8_t* block, int64_t bytes, int64_t scale_at) {
  std::memset(block, 0, static_cast<size_t>(bytes));
  StoreWord(kHalfNan, block + scale_at);
}

// codes[0, 32) as nibbles of 16 bytes.
void StoreNibbles(const int* codes, uint8_t* bytes) {
  for (int i = 0; i < 16; ++i) {
    bytes[i] = static_cast<uint8_t>((codes[i] & 15) | (codes[16 + i] & 15) << 4);
  }
}

int NearestIn(const int8_t* table, float x) {  // of 16 rising values
  int code = 0;
  for (int q = 1; q < 16; ++q) {
    code += x > 0.5f * static_cast<float>(table[q - 1] + table[q]) ? 1 : 0;
  }
  return code;
}

// Scales and minima of 8 sub-blocks of 32: 6-bit numbers of the block's d and m.
struct KScales {
  uint8_t scale[8];
  uint8_t min[8];
};

void StoreKScales(const KScales& k, uint8_t* packed) {
  for (int j = 0; j < 4; ++j) {
    packed[j] = static_cast<uint8_t>(k.scale[j] | (k.scale[j + 4] >> 4) << 6);
    packed[j + 4] = static_cast<uint8_t>(k.min[j] | (k.min[j + 4] >> 4) << 6);
    packed[j + 8] = static_cast<uint8_t>((k.scale[j + 4] & 15) | (k.min[j + 4] & 15) << 4);
  }
}

// The front of a q4_k or q5_k block (d, m, scales) and the codes of its 256 weights, in [0, top].
void EncodeK(const float* values, float top, uint8_t* block, int* codes) {
  ScaleAndOffset fits[8];
  float largest_scale = 0;
  float largest_min = 0;
  for (int j = 0; j < 8; ++j) {
    fits[j] = FitAffine(values + 32 * j, 32, top, 0.06f * top, 0.0f);
    largest_scale = std::max(largest_scale, fits[j].scale);
    largest_min = std::max(largest_min, -fits[j].offset);
  }
  const float d = StoreHalf(largest_scale / 63, block);
  const float m = StoreHalf(largest_min / 63, block + 2);
  KScales k;
  for (int j = 0; j < 8; ++j) {
    k.scale[j] = static_cast<uint8_t>(Code(fits[j].scale, Inverse(d), 0, 63));
    k.min[j] = static_cast<uint8_t>(Code(-fits[j].offset, Inverse(m), 0, 63));
    const float scale = Inverse(d * k.scale[j]);
    const float min = m * k.min[j];
    for (int l = 0; l < 32; ++l) {
      codes[32 * j + l] = Code(values[32 * j + l] + min, scale, 0, top);
    }
  }
  StoreKScales(k, block + 4);
}

void StoreKNibbles(const int* codes, uint8_t* bytes) {
  for (int i = 0; i < 128; ++i) {
    const int first = i / 32 * 64 + i % 32;
    bytes[i] = static_cast<uint8_t>((codes[first] & 15) | (codes[first + 32] & 15) << 4);
  }
}

}  // namespace

void EncodeF32(const float* values, uint8_t* block) { std::memcpy(block, values, sizeof(float)); }
void EncodeF16(const float* values, uint8_t* block) { StoreWord(FloatToFp16(*values), block); }
void EncodeBf16(const float* values, uint8_t* block) { StoreWord(FloatToBf16(*values), block); }

void EncodeQ8_0(const float* values, uint8_t* block) {
  if (!AllFinite(values, 32)) return StoreNanBlock(block, 34, 0);
  const float d = StoreHalf(std::abs(Extreme(values, 32)) / 127, block);
  const float inverse = Inverse(d);
  for (int i = 0; i < 32; ++i) {
    block[2 + i] = static_cast<uint8_t>(static_cast<int8_t>(Code(values[i], inverse, -127, 127)));
  }
}

void EncodeQ4_0(const float* values, uint8_t* block) {
  if (!AllFinite(values, 32)) return StoreNanBlock(block, 18, 0);
  const float inverse = Inverse(StoreHalf(FitScale(values, 32, -8, 7, 1.5f), block));
  int codes[32];
  for (int i = 0; i < 32; ++i) codes[i] = Code(values[i], inverse, -8, 7) + 8;
  StoreNibbles(codes, block + 2);
}

void EncodeQ4_1(const float* values, uint8_t* block) {
  if (!AllFinite(values, 32)) return StoreNanBlock(block, 20, 0);
  const ScaleAndOffset fit =
      FitAffine(values, 32, 15, 1.0f, std::numeric_limits<float>::infinity());
  const float inverse = Inverse(StoreHalf(fit.scale, block));
  const float m = StoreHalf(fit.offset, block + 2);
  int codes[32];
  for (int i = 0; i < 32; ++i) codes[i] = Code(values[i] - m, inverse, 0, 15);
  StoreNibbles(codes, block + 4);
}

void EncodeQ5_0(const float* values, uint8_t* block) {
  if (!AllFinite(values, 32)) return StoreNanBlock(block, 22, 0);
  const float inverse = Inverse(StoreHalf(FitScale(values, 32, -16, 15, 1.5f), block));
  int codes[32];
  uint32_t fifth = 0;
  for (int i = 0; i < 32; ++i) {
    codes[i] = Code(values[i], inverse, -16, 15) + 16;
    fifth |= static_cast<uint32_t>(codes[i] >> 4) << i;
  }
  StoreWord(static_cast<uint16_t>(fifth), block + 2);
  StoreWord(static_cast<uint16_t>(fifth >> 16), block + 4);
  StoreNibbles(codes, block + 6);
}

void EncodeQ4_K(const float* values, uint8_t* block) {
  if (!AllFinite(values, 256)) return StoreNanBlock(block, 144, 0);
  int codes[256];
  EncodeK(values, 15, block, codes);
  StoreKNibbles(codes, block + 16);
}

void EncodeQ5_K(const float* values, uint8_t* block) {
  if (!AllFinite(values, 256)) return StoreNanBlock(block, 176, 0);
  int codes[256];
  EncodeK(values, 31, block, codes);
  std::memset(block + 16, 0, 32);
  for (int i = 0; i < 256; ++i) {
    block[16 + i % 32] |= static_cast<uint8_t>((codes[i] >> 4) << (i / 32));
  }
  StoreKNibbles(codes, block + 48);
}

void EncodeQ6_K(const float* values, uint8_t* block) {
  if (!AllFinite(values, 256)) return StoreNanBlock(block, 210, 208);
  float scales[16];
  for (int s = 0; s < 16; ++s) scales[s] = FitScale(values + 16 * s, 16, -32, 31, 1.5f);
  const float d = StoreHalf(Extreme(scales, 16) / -128, block + 208);
  std::memset(block, 0, 192);
  for (float& scale : scales) {
    const int stored = Code(scale, Inverse(d), -128, 127);
    block[192 + (&scale - scales)] = static_cast<uint8_t>(static_cast<int8_t>(stored));
    scale = Inverse(d * static_cast<float>(stored));
  }
  for (int i = 0; i < 256; ++i) {
    const int code = Code(values[i], scales[i / 16], -32, 31) + 32;
    const int quarter = i % 128 / 32;
    const int l = i % 32;
    block[i / 128 * 64 + 32 * (quarter % 2) + l] |=
        static_cast<uint8_t>((code & 15) << (quarter / 2 * 4));
    block[128 + i / 128 * 32 + l] |= static_cast<uint8_t>((code >> 4) << (2 * quarter));
  }
}

void EncodeIq4Nl(const float* values, uint8_t* block) {
  if (!AllFinite(values, 32)) return StoreNanBlock(block, 18, 0);
  const float extreme = Extreme(values, 32);
  float best_gain = 0;
  float best = Inverse(extreme) == 0 ? 0 : extreme / kIq4NlValues[0];
  for (int t = -7; t <= 7; ++t) {  // the extreme at values around the table's largest
    const float inverse = Inverse(extreme) * (static_cast<float>(kIq4NlValues[0]) + 3.0f * t);
    float xq = 0;
    float qq = 0;
    for (int i = 0; i < 32; ++i) {
      const float q = kIq4NlValues[NearestIn(kIq4NlValues, values[i] * inverse)];
      xq += values[i] * q;
      qq += q * q;
    }
    if (xq / qq * xq > best_gain) {
      best_gain = xq / qq * xq;
      best = xq / qq;
    }
  }
  const float inverse = Inverse(StoreHalf(best, block));
  int codes[32];
  for (int i = 0; i < 32; ++i) codes[i] = NearestIn(kIq4NlValues, values[i] * inverse);
  StoreNibbles(codes, block + 2);
}

void EncodeMxFp4(const float* values, uint8_t* block) {
  std::memset(block, 0, 17);
  if (!AllFinite(values, 32)) {
    block[0] = 255;
    return;
  }
  const float extreme = std::abs(Extreme(values, 32));
  if (extreme == 0) return;
  // The scale of which the extreme is 4 to 8 times, as MX 1.0 has it, and twice that.
  const int floor_code = std::clamp(std::ilogb(extreme) - 2 + 127, 0, 254);
  float best_error = std::numeric_limits<float>::infinity();
  for (int code = floor_code; code <= std::min(floor_code + 1, 254); ++code) {
    const double half = std::ldexp(1.0, code - 128);
    int codes[32];
    double error = 0;
    bool finite = true;
    for (int i = 0; i < 32; ++i) {
      int magnitude = 0;
      const double x = std::abs(values[i]) / half;
      for (int q = 1; q < 8; ++q) {
        magnitude += x > 0.5 * (kMxFp4Doubled[q - 1] + kMxFp4Doubled[q]) ? 1 : 0;
      }
      const double difference = x - kMxFp4Doubled[magnitude];
      error += difference * difference * half * half;
      finite &= kMxFp4Doubled[magnitude] * half <= std::numeric_limits<float>::max();
      codes[i] = magnitude | (values[i] < 0 && magnitude != 0 ? 8 : 0);
    }
    if (error < best_error && finite) {
      best_error = error;
      block[0] = static_cast<uint8_t>(code);
      StoreNibbles(codes, block + 1);
    }
  }
}

}  // namespace strata::chips
