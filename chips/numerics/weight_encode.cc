#include "chips/numerics/weight_encode.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "chips/numerics/float16.h"
#include "chips/numerics/weight_fit.h"
#include "chips/numerics/weight_format.h"

namespace strata::chips {
namespace {

constexpr float kLargestHalf = 65504.0f;
constexpr uint16_t kHalfNan = 0x7e00;

STRATA_INLINE void StoreWord(uint16_t word, uint8_t* bytes) {
  bytes[0] = static_cast<uint8_t>(word);
  bytes[1] = static_cast<uint8_t>(word >> 8);
}

// Stores `value` as fp16, clamped to its finite range, and returns what was stored.
STRATA_INLINE float StoreHalf(float value, uint8_t* bytes) {
  const uint16_t half = FloatToFp16(std::clamp(value, -kLargestHalf, kLargestHalf));
  StoreWord(half, bytes);
  return Fp16ToFloat(half);
}

// The integer in [low, high] nearest to x inverse.
STRATA_INLINE int Code(float x, float inverse, float low, float high) {
  constexpr float kMagic = 12582912.0f;
  return static_cast<int>((std::clamp(x * inverse, low, high) + kMagic) - kMagic);
}

// A block that decodes to NaNs: all zeros but the scale, an fp16 at `scale_at`.
void StoreNanBlock(uint8_t* block, int64_t bytes, int64_t scale_at) {
  std::memset(block, 0, static_cast<size_t>(bytes));
  StoreWord(kHalfNan, block + scale_at);
}

// codes[0, 32) as nibbles of 16 bytes.
STRATA_INLINE void StoreNibbles(const int* codes, uint8_t* bytes) {
  for (int i = 0; i < 16; ++i) {
    bytes[i] = static_cast<uint8_t>((codes[i] & 15) | (codes[16 + i] & 15) << 4);
  }
}

STRATA_INLINE void Q8_0(const float* values, uint8_t* block) {
  if (!AllFinite(values, 32)) return StoreNanBlock(block, 34, 0);
  const float d = StoreHalf(std::abs(Extreme(values, 32)) / 127, block);
  int codes[32];
  Codes(values, 32, 0, Inverse(d), -127, 127, codes);
  for (int i = 0; i < 32; ++i) block[2 + i] = static_cast<uint8_t>(codes[i]);
}

STRATA_INLINE void Q4_0(const float* values, uint8_t* block) {
  if (!AllFinite(values, 32)) return StoreNanBlock(block, 18, 0);
  const float d = StoreHalf(FitScale(values, 32, -8, 7, 1.5f), block);
  int codes[32];
  Codes(values, 32, 0, Inverse(d), -8, 7, codes);
  for (int& code : codes) code += 8;
  StoreNibbles(codes, block + 2);
}

STRATA_INLINE void Q4_1(const float* values, uint8_t* block) {
  if (!AllFinite(values, 32)) return StoreNanBlock(block, 20, 0);
  const ScaleAndOffset fit =
      FitAffine(values, 32, 15, 1.0f, std::numeric_limits<float>::infinity());
  const float d = StoreHalf(fit.scale, block);
  const float m = StoreHalf(fit.offset, block + 2);
  int codes[32];
  Codes(values, 32, -m, Inverse(d), 0, 15, codes);
  StoreNibbles(codes, block + 4);
}

STRATA_INLINE void Q5_0(const float* values, uint8_t* block) {
  if (!AllFinite(values, 32)) return StoreNanBlock(block, 22, 0);
  const float d = StoreHalf(FitScale(values, 32, -16, 15, 1.5f), block);
  int codes[32];
  Codes(values, 32, 0, Inverse(d), -16, 15, codes);
  uint32_t fifth = 0;
  for (int i = 0; i < 32; ++i) {
    codes[i] += 16;
    fifth |= static_cast<uint32_t>(codes[i] >> 4) << i;
  }
  StoreWord(static_cast<uint16_t>(fifth), block + 2);
  StoreWord(static_cast<uint16_t>(fifth >> 16), block + 4);
  StoreNibbles(codes, block + 6);
}

// Scales and minima of 8 sub-blocks of 32: 6-bit numbers of the block's d and m.
struct KScales {
  uint8_t scale[8];
  uint8_t min[8];
};

STRATA_INLINE void StoreKScales(const KScales& k, uint8_t* packed) {
  for (int j = 0; j < 4; ++j) {
    packed[j] = static_cast<uint8_t>(k.scale[j] | (k.scale[j + 4] >> 4) << 6);
    packed[j + 4] = static_cast<uint8_t>(k.min[j] | (k.min[j + 4] >> 4) << 6);
    packed[j + 8] = static_cast<uint8_t>((k.scale[j + 4] & 15) | (k.min[j + 4] & 15) << 4);
  }
}

// The front of a q4_k or q5_k block (d, m, scales) and the codes of its 256 weights, in [0, top].
STRATA_INLINE void FrontOfK(const float* values, float top, uint8_t* block, int* codes) {
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
    Codes(values + 32 * j, 32, m * k.min[j], Inverse(d * k.scale[j]), 0, top, codes + 32 * j);
  }
  StoreKScales(k, block + 4);
}

STRATA_INLINE void StoreKNibbles(const int* codes, uint8_t* bytes) {
  for (int i = 0; i < 128; ++i) {
    const int first = i / 32 * 64 + i % 32;
    bytes[i] = static_cast<uint8_t>((codes[first] & 15) | (codes[first + 32] & 15) << 4);
  }
}

STRATA_INLINE void Q4_K(const float* values, uint8_t* block) {
  if (!AllFinite(values, 256)) return StoreNanBlock(block, 144, 0);
  int codes[256];
  FrontOfK(values, 15, block, codes);
  StoreKNibbles(codes, block + 16);
}

STRATA_INLINE void Q5_K(const float* values, uint8_t* block) {
  if (!AllFinite(values, 256)) return StoreNanBlock(block, 176, 0);
  int codes[256];
  FrontOfK(values, 31, block, codes);
  for (int l = 0; l < 32; ++l) {
    int fifth = 0;
    for (int j = 0; j < 8; ++j) fifth |= (codes[32 * j + l] >> 4) << j;
    block[16 + l] = static_cast<uint8_t>(fifth);
  }
  StoreKNibbles(codes, block + 48);
}

STRATA_INLINE void Q6_K(const float* values, uint8_t* block) {
  if (!AllFinite(values, 256)) return StoreNanBlock(block, 210, 208);
  float scales[16];
  for (int s = 0; s < 16; ++s) scales[s] = FitScale(values + 16 * s, 16, -32, 31, 1.5f);
  const float d = StoreHalf(Extreme(scales, 16) / -128, block + 208);
  std::memset(block, 0, 192);
  int codes[256];
  for (int s = 0; s < 16; ++s) {
    const int stored = Code(scales[s], Inverse(d), -128, 127);
    block[192 + s] = static_cast<uint8_t>(stored);
    Codes(values + 16 * s, 16, 0, Inverse(d * static_cast<float>(stored)), -32, 31, codes + 16 * s);
  }
  for (int i = 0; i < 256; ++i) {
    const int code = codes[i] + 32;
    const int quarter = i % 128 / 32;
    const int l = i % 32;
    block[i / 128 * 64 + 32 * (quarter % 2) + l] |=
        static_cast<uint8_t>((code & 15) << (quarter / 2 * 4));
    block[128 + i / 128 * 32 + l] |= static_cast<uint8_t>((code >> 4) << (2 * quarter));
  }
}

STRATA_INLINE void Iq4Nl(const float* values, uint8_t* block) {
  if (!AllFinite(values, 32)) return StoreNanBlock(block, 18, 0);
  const float d = StoreHalf(FitTable(values, 32, kIq4NlValues, 24.0f), block);
  int codes[32];
  for (int i = 0; i < 32; i += kLanes) {
    Floats x;
    Ints numbers;
    Load(values + i, &x);
    x *= Inverse(d);
    NearestOf(kIq4NlValues, &x, &numbers);
    std::memcpy(codes + i, &numbers, sizeof(numbers));
  }
  StoreNibbles(codes, block + 2);
}

// The codes of E2M1 nearest to x / 2^(code - 128), which are 0 to 12 when doubled, and the squared error in that unit;
// infinity when a value could not be decoded.
STRATA_INLINE double MxFp4Codes(const float* values, int code, int* codes) {
  // 2^(128 - code) in two factors, as it may be beyond fp32.
  const int half = (128 - code) / 2;
  const float first = std::ldexp(1.0f, half);
  const float second = std::ldexp(1.0f, 128 - code - half);
  const float largest = std::ldexp(std::numeric_limits<float>::max(), std::min(0, 128 - code));
  float error = 0;
  for (int i = 0; i < 32; i += kLanes) {
    Floats x;
    Load(values + i, &x);
    x = x * first * second;
    const Ints negative = x < 0;
    x = negative ? -x : x;
    Floats value{};
    Ints magnitude{};
    for (int q = 1; q < 8; ++q) {
      const Ints above = x > 0.5f * static_cast<float>(kMxFp4Doubled[q - 1] + kMxFp4Doubled[q]);
      value = above ? static_cast<float>(kMxFp4Doubled[q]) + Floats{} : value;
      magnitude -= above;
    }
    const Floats difference = x - value;
    const Ints bits = magnitude + ((negative & (magnitude > 0)) & 8);
    std::memcpy(codes + i, &bits, sizeof(bits));
    for (int lane = 0; lane < kLanes; ++lane) {
      error += difference[lane] * difference[lane];
      if (value[lane] > largest) error = std::numeric_limits<float>::infinity();
    }
  }
  return error;
}

STRATA_INLINE void MxFp4(const float* values, uint8_t* block) {
  std::memset(block, 0, 17);
  if (!AllFinite(values, 32)) {
    block[0] = 255;
    return;
  }
  const float extreme = std::abs(Extreme(values, 32));
  if (extreme == 0) return;
  // The scale of which the extreme is 4 to 8 times, as MX 1.0 has it, and twice that, whose unit counts four times.
  const int low = std::clamp(std::ilogb(extreme) - 2 + 127, 0, 254);
  const int high = std::min(low + 1, 254);
  int low_codes[32], high_codes[32];
  const double low_error = MxFp4Codes(values, low, low_codes);
  const double high_error = 4 * MxFp4Codes(values, high, high_codes);
  block[0] = static_cast<uint8_t>(high_error < low_error ? high : low);
  StoreNibbles(high_error < low_error ? high_codes : low_codes, block + 1);
}

enum class Vectors { kPlain, kAvx2, kAvx512 };

Vectors Machine() {
  static const Vectors vectors = __builtin_cpu_supports("avx512f") ? Vectors::kAvx512
                                 : __builtin_cpu_supports("avx2")  ? Vectors::kAvx2
                                                                   : Vectors::kPlain;
  return vectors;
}

}  // namespace

void EncodeF32(const float* values, uint8_t* block) { std::memcpy(block, values, sizeof(float)); }
void EncodeF16(const float* values, uint8_t* block) { StoreWord(FloatToFp16(*values), block); }
void EncodeBf16(const float* values, uint8_t* block) { StoreWord(FloatToBf16(*values), block); }

// One body, compiled for three kinds of machine.
#define STRATA_ENCODER(Name)                                                                \
  __attribute__((target("avx512f"))) static void Name##Avx512(const float* v, uint8_t* b) { \
    Name(v, b);                                                                             \
  }                                                                                         \
  __attribute__((target("avx2"))) static void Name##Avx2(const float* v, uint8_t* b) {      \
    Name(v, b);                                                                             \
  }                                                                                         \
  void Encode##Name(const float* values, uint8_t* block) {                                  \
    if (Machine() == Vectors::kAvx512) return Name##Avx512(values, block);                  \
    if (Machine() == Vectors::kAvx2) return Name##Avx2(values, block);                      \
    Name(values, block);                                                                    \
  }

STRATA_ENCODER(Q8_0)
STRATA_ENCODER(Q4_0)
STRATA_ENCODER(Q4_1)
STRATA_ENCODER(Q5_0)
STRATA_ENCODER(Q4_K)
STRATA_ENCODER(Q5_K)
STRATA_ENCODER(Q6_K)
STRATA_ENCODER(Iq4Nl)
STRATA_ENCODER(MxFp4)

#undef STRATA_ENCODER

}  // namespace strata::chips
