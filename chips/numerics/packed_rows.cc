#include "chips/numerics/packed_rows.h"

#include <algorithm>
#include <cstring>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "chips/numerics/float16.h"
#include "chips/numerics/weight_decode.h"

namespace strata::chips {
namespace {

// Tables as codes with 128 and 12 added.
constexpr int kIq4NlOffset = 128, kMxFp4Offset = 12;

struct Table {
  uint8_t codes[16];
};
constexpr Table Shifted(const int8_t (&values)[16], int offset) {
  Table table = {};
  for (int i = 0; i < 16; ++i) table.codes[i] = static_cast<uint8_t>(values[i] + offset);
  return table;
}
constexpr Table kIq4Nl = Shifted(kIq4NlValues, kIq4NlOffset);
constexpr Table kMxFp4 = Shifted(kMxFp4Doubled, kMxFp4Offset);

// Lanes of 4 bytes: vector v of `out` has in lane r bytes 4v .. 4v + 3 of row r, xor `flip`. Rows begin `stride` apart;
// a row that is not there (r >= count) gives `flip` itself.
void InterleavePlain(const uint8_t* rows, int64_t stride, int64_t count, int64_t vectors,
                     uint32_t flip, uint8_t* out) {
  for (int64_t v = 0; v < vectors; ++v) {
    for (int64_t r = 0; r < kPackedRows; ++r) {
      uint32_t word = 0;
      if (r < count) std::memcpy(&word, rows + r * stride + 4 * v, sizeof word);
      word ^= flip;
      std::memcpy(out + 64 * v + 4 * r, &word, sizeof word);
    }
  }
}

#if defined(__x86_64__)
#define STRATA_AVX512 __attribute__((target("avx512f")))

STRATA_AVX512 inline __m128i Load16(const uint8_t* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}

// 16 bytes of each fourth row, a quarter of a vector each.
STRATA_AVX512 inline __m512i FourRows(const uint8_t* p, int64_t stride) {
  __m512i v = _mm512_castsi128_si512(Load16(p));
  v = _mm512_inserti32x4(v, Load16(p + 4 * stride), 1);
  v = _mm512_inserti32x4(v, Load16(p + 8 * stride), 2);
  return _mm512_inserti32x4(v, Load16(p + 12 * stride), 3);
}

// The same for 16 rows and a multiple of 4 vectors: 4 x 4 words are transposed in each quarter of 4 registers.
STRATA_AVX512 void InterleaveAvx512(const uint8_t* rows, int64_t stride, int64_t vectors,
                                    uint32_t flip, uint8_t* out) {
  const __m512i flips = _mm512_set1_epi32(static_cast<int32_t>(flip));
  for (int64_t v = 0; v < vectors; v += 4) {
    const uint8_t* p = rows + 4 * v;
    const __m512i a = FourRows(p, stride), b = FourRows(p + stride, stride);
    const __m512i c = FourRows(p + 2 * stride, stride), d = FourRows(p + 3 * stride, stride);
    const __m512i ab_low = _mm512_unpacklo_epi32(a, b), ab_high = _mm512_unpackhi_epi32(a, b);
    const __m512i cd_low = _mm512_unpacklo_epi32(c, d), cd_high = _mm512_unpackhi_epi32(c, d);
    uint8_t* to = out + 64 * v;
    _mm512_storeu_si512(to, _mm512_xor_si512(_mm512_unpacklo_epi64(ab_low, cd_low), flips));
    _mm512_storeu_si512(to + 64, _mm512_xor_si512(_mm512_unpackhi_epi64(ab_low, cd_low), flips));
    _mm512_storeu_si512(to + 128, _mm512_xor_si512(_mm512_unpacklo_epi64(ab_high, cd_high), flips));
    _mm512_storeu_si512(to + 192, _mm512_xor_si512(_mm512_unpackhi_epi64(ab_high, cd_high), flips));
  }
}
#endif

void Interleave(const uint8_t* rows, int64_t stride, int64_t count, int64_t vectors, uint32_t flip,
                uint8_t* out) {
#if defined(__x86_64__)
  static const bool has = __builtin_cpu_supports("avx512f");
  if (has && count == kPackedRows) {
    const int64_t whole = vectors / 4 * 4;
    InterleaveAvx512(rows, stride, whole, flip, out);
    rows += 4 * whole;
    out += 64 * whole;
    vectors -= whole;
  }
#endif
  InterleavePlain(rows, stride, count, vectors, flip, out);
}

// The 16 rows of a group: where they are in a matrix as files have it.
struct SourceRows {
  const uint8_t* first;
  int64_t stride;  // bytes of a row
  int64_t count;   // at most 16

  // Calls f(row, its bytes from `offset` on) for the rows that are there.
  template <typename F>
  void Each(int64_t offset, F f) const {
    for (int64_t r = 0; r < count; ++r) f(r, first + r * stride + offset);
  }
};

void PutHalves(const SourceRows& rows, int64_t offset, uint8_t* out) {
  rows.Each(offset, [&](int64_t r, const uint8_t* p) { std::memcpy(out + 2 * r, p, 2); });
}

constexpr uint64_t kBytesOf = 0x0101010101010101u;

uint64_t Eight(const uint8_t* p) {
  uint64_t bytes;
  std::memcpy(&bytes, p, sizeof bytes);
  return bytes;
}

// Bit i of `bits` < 256 as byte i, 0 or 1.
uint64_t SpreadBits(uint64_t bits) {
  return ((bits * kBytesOf & 0x8040201008040201u) + kBytesOf * 127) >> 7 & kBytesOf;
}

// fp16 d, then 32 int8; q5_0 is widened to that.
void PackBytes(bool five_bits, const SourceRows& rows, int64_t offset, uint8_t* scales,
               uint8_t* values) {
  PutHalves(rows, offset, scales);
  constexpr uint32_t kFlip = 0x80808080u;  // of int8: adds 128
  if (!five_bits) {
    return Interleave(rows.first + offset + 2, rows.stride, rows.count, 8, kFlip, values);
  }
  uint8_t wide[kPackedRows][32];
  rows.Each(offset, [&](int64_t r, const uint8_t* p) {
    uint32_t fifth;
    std::memcpy(&fifth, p + 2, sizeof fifth);
    for (int i = 0; i < 4; ++i) {  // eight weights at a time
      const uint64_t nibbles = Eight(p + 6 + i % 2 * 8) >> (i / 2 * 4) & kBytesOf * 15;
      const uint64_t codes = (nibbles | SpreadBits(fifth >> (8 * i) & 255) << 4) + kBytesOf * 112;
      std::memcpy(wide[r] + 8 * i, &codes, sizeof codes);
    }
  });
  // A row that is not there is zeros as in q8_0: its code is the offset.
  for (int64_t r = rows.count; r < kPackedRows; ++r) std::fill_n(wide[r], 32, uint8_t{128});
  Interleave(wide[0], 32, kPackedRows, 8, 0, values);
}

void PackMxFp4(const SourceRows& rows, int64_t offset, uint8_t* scales, uint8_t* values) {
  rows.Each(offset, [&](int64_t r, const uint8_t* p) {
    const uint16_t upper = FloatToBf16(HalfE8M0(*p));  // exact: a power of two or NaN
    std::memcpy(scales + 2 * r, &upper, sizeof upper);
  });
  Interleave(rows.first + offset + 1, rows.stride, rows.count, 4, 0, values);
}

// d, m and the sixteen numbers of 6 bits as bytes; then 32 bytes of fifth bits in q5_k; then nibbles.
void PackSuper(bool five_bits, const SourceRows& rows, int64_t offset, uint8_t* scales,
               uint8_t* values) {
  PutHalves(rows, offset, scales);
  PutHalves(rows, offset + 2, scales + 32);
  rows.Each(offset + 4, [&](int64_t r, const uint8_t* packed) {
    for (int j = 0; j < 8; ++j) {
      const ScaleAndMin pair = KScaleAndMin(packed, j);
      scales[64 + 16 * j + r] = pair.scale;
      scales[192 + 16 * j + r] = pair.min;
    }
  });
  if (!five_bits) {
    return Interleave(rows.first + offset + 16, rows.stride, rows.count, 32, 0, values);
  }
  std::vector<uint8_t> wide(static_cast<size_t>(kPackedRows * 256));
  rows.Each(offset + 16, [&](int64_t r, const uint8_t* fifth) {
    const uint8_t* nibbles = fifth + 32;
    for (int i = 0; i < 256; i += 8) {  // eight weights at a time
      const int j = i / 32, l = i % 32;
      const uint64_t low = Eight(nibbles + j / 2 * 32 + l) >> (j % 2 * 4) & kBytesOf * 15;
      const uint64_t codes = low | (Eight(fifth + l) >> j & kBytesOf) << 4;
      std::memcpy(wide.data() + 256 * r + i, &codes, sizeof codes);
    }
  });
  Interleave(wide.data(), 256, kPackedRows, 64, 0, values);
}

// nibbles[128], pairs[64], int8 s[16], fp16 d.
void PackSix(const SourceRows& rows, int64_t offset, uint8_t* scales, uint8_t* values) {
  PutHalves(rows, offset + 208, scales);
  rows.Each(offset + 192, [&](int64_t r, const uint8_t* s) {
    for (int j = 0; j < 16; ++j) scales[32 + 16 * j + r] = s[j];
  });
  uint8_t vectors[24][64];
  for (int64_t half = 0; half < 2; ++half) {
    Interleave(rows.first + offset + 64 * half, rows.stride, rows.count, 16, 0, vectors[0]);
    Interleave(rows.first + offset + 128 + 32 * half, rows.stride, rows.count, 8, 0, vectors[16]);
    for (int64_t j = 0; j < 8; ++j) {
      uint8_t* out = values + 1536 * half;
      std::memcpy(out + 128 * j, vectors[16 + j], 64);
      std::memcpy(out + 128 * j + 64, vectors[j], 64);
      std::memcpy(out + 1024 + 64 * j, vectors[8 + j], 64);
    }
  }
}

// By 8 weights of all rows, so that what is written stays in the L1 cache.
void PackHalfFloats(const SourceRows& rows, int64_t K, uint8_t* values) {
  for (int64_t first = 0; first < K; first += 8) {
    const int64_t end = std::min(first + 8, K);
    rows.Each(0, [&](int64_t r, const uint8_t* p) {
      for (int64_t k = first; k < end; ++k) std::memcpy(values + 32 * k + 2 * r, p + 2 * k, 2);
    });
  }
}

// A pair of weights a lane; the last one of an odd K is beside a zero.
void PackBf16(const SourceRows& rows, int64_t K, uint8_t* values) {
  Interleave(rows.first, rows.stride, rows.count, K / 2, 0, values);
  if (K % 2 == 0) return;
  rows.Each(2 * (K - 1),
            [&](int64_t r, const uint8_t* p) { std::memcpy(values + 64 * (K / 2) + 4 * r, p, 2); });
}

// One step of `format` along k, `offset` bytes into each row.
void PackStep(const WeightFormat& format, const PackedLayout& layout, const SourceRows& rows,
              int64_t offset, uint8_t* scales, uint8_t* values) {
  switch (layout.form) {
    case PackedForm::kBytes:
      return PackBytes(format.bytes == 22, rows, offset, scales, values);
    case PackedForm::kNibbles:
      if (layout.bf16_scale) return PackMxFp4(rows, offset, scales, values);
      PutHalves(rows, offset, scales);
      return Interleave(rows.first + offset + 2, rows.stride, rows.count, 4, 0, values);
    case PackedForm::kNibblesMin:
      PutHalves(rows, offset, scales);
      PutHalves(rows, offset + 2, scales + 32);
      return Interleave(rows.first + offset + 4, rows.stride, rows.count, 4, 0, values);
    case PackedForm::kSuperNibbles:
    case PackedForm::kSuperBytes:
      return PackSuper(layout.form == PackedForm::kSuperBytes, rows, offset, scales, values);
    default:
      return PackSix(rows, offset, scales, values);
  }
}

void PackGroup(const WeightFormat& format, const PackedLayout& layout, const SourceRows& rows,
               int64_t K, uint8_t* group) {
  if (layout.form == PackedForm::kFloat)
    return Interleave(rows.first, rows.stride, rows.count, K, 0, group);
  if (layout.form == PackedForm::kHalf) return PackHalfFloats(rows, K, group);
  if (layout.form == PackedForm::kBf16Pair) return PackBf16(rows, K, group);
  for (int64_t s = 0; s < layout.Steps(K); ++s) {
    uint8_t* step = group + s * layout.StepBytes();
    PackStep(format, layout, rows, s * format.bytes, step, step + layout.scale_bytes);
  }
}

float HalfAt(const uint8_t* p, int64_t i) {
  uint16_t bits;
  std::memcpy(&bits, p + 2 * i, sizeof bits);
  return Fp16ToFloat(bits);
}
float Bf16At(const uint8_t* p, int64_t i) {
  uint16_t bits;
  std::memcpy(&bits, p + 2 * i, sizeof bits);
  return Bf16ToFloat(bits);
}

// Byte i of a row's lanes.
uint8_t LaneByte(const uint8_t* vectors, int64_t row, int64_t i) {
  return vectors[64 * (i / 4) + 4 * row + i % 4];
}

// The code of weight i of a step.
uint8_t CodeAt(const PackedLayout& layout, const uint8_t* values, int64_t row, int64_t i) {
  switch (layout.form) {
    case PackedForm::kBytes:
    case PackedForm::kSuperBytes:
      return LaneByte(values, row, i);
    case PackedForm::kNibbles:
    case PackedForm::kNibblesMin: {
      const int nibble = (LaneByte(values, row, i % 16) >> (i / 16 * 4)) & 15;
      return layout.table != nullptr ? layout.table[nibble] : static_cast<uint8_t>(nibble);
    }
    case PackedForm::kSuperNibbles:
      return (LaneByte(values, row, i / 64 * 32 + i % 32) >> (i / 32 % 2 * 4)) & 15;
    default: {  // kSuperSix
      const uint8_t* half = values + 1536 * (i / 128);
      const int64_t quarter = i % 128 / 32, l = i % 32;
      const uint8_t* pairs = half + 128 * (l / 4);
      const uint8_t* nibbles = quarter % 2 == 0 ? pairs + 64 : half + 1024 + 64 * (l / 4);
      const int low = (LaneByte(nibbles, row, l % 4) >> (quarter / 2 * 4)) & 15;
      return static_cast<uint8_t>(low | ((LaneByte(pairs, row, l % 4) >> (2 * quarter)) & 3) << 4);
    }
  }
}

// Scales and minimum of block `b` of a step.
void ScalesAt(const PackedLayout& layout, const uint8_t* scales, int64_t row, int64_t b,
              PackedBlock* out) {
  const float d = layout.bf16_scale ? Bf16At(scales, row) : HalfAt(scales, row);
  out->scale[0] = out->scale[1] = d;
  out->min = 0;
  if (layout.form == PackedForm::kNibblesMin) out->min = -HalfAt(scales + 32, row);
  if (layout.form == PackedForm::kSuperNibbles || layout.form == PackedForm::kSuperBytes) {
    out->scale[0] = out->scale[1] = d * static_cast<float>(scales[64 + 16 * b + row]);
    out->min = HalfAt(scales + 32, row) * static_cast<float>(scales[192 + 16 * b + row]);
  }
  if (layout.form == PackedForm::kSuperSix) {
    for (int half = 0; half < 2; ++half) {
      const auto s = static_cast<int8_t>(scales[32 + 16 * (2 * b + half) + row]);
      out->scale[half] = d * static_cast<float>(s);
    }
  }
}

}  // namespace

PackedLayout LayoutOf(const WeightFormat& format) {
  switch (format.ggml_type) {
    case 0:  // f32
      return {PackedForm::kFloat, 1, 0, 64};
    case 1:  // f16
      return {PackedForm::kHalf, 1, 0, 32};
    case 30:  // bf16
      return {PackedForm::kBf16Pair, 2, 0, 64};
    case 2:  // q4_0
      return {PackedForm::kNibbles, 32, 32, 256, 8};
    case 3:  // q4_1
      return {PackedForm::kNibblesMin, 32, 64, 256};
    case 20:  // iq4_nl
      return {PackedForm::kNibbles, 32, 32, 256, kIq4NlOffset, kIq4Nl.codes};
    case 39:  // mxfp4
      return {PackedForm::kNibbles, 32, 32, 256, kMxFp4Offset, kMxFp4.codes, true};
    case 12:  // q4_k
      return {PackedForm::kSuperNibbles, 256, 320, 2048};
    case 13:  // q5_k
      return {PackedForm::kSuperBytes, 256, 320, 4096};
    case 14:  // q6_k
      return {PackedForm::kSuperSix, 256, 288, 3072, 32};
    default:  // q8_0, q5_0
      return {PackedForm::kBytes, 32, 32, 512, 128};
  }
}

int64_t GroupBytes(const WeightFormat& format, int64_t K) { return LayoutOf(format).GroupBytes(K); }

void PackRows(const WeightFormat& format, const uint8_t* rows, int64_t N, int64_t K,
              int64_t first_group, int64_t groups, uint8_t* out) {
  const PackedLayout layout = LayoutOf(format);
  const int64_t stride = RowBytes(format, K), size = layout.GroupBytes(K);
  for (int64_t g = first_group; g < first_group + groups; ++g, out += size) {
    const int64_t n = g * kPackedRows;
    const SourceRows source = {rows + n * stride, stride, std::min(kPackedRows, N - n)};
    // Rows that are not there are zeros, and so is what rounds the group up, or an odd pair of bf16.
    const int64_t rest = source.count < kPackedRows ? size : std::min<int64_t>(size, 128);
    std::memset(out + size - rest, 0, static_cast<size_t>(rest));
    PackGroup(format, layout, source, K, out);
  }
}

PackedBlock UnpackBlock(const PackedLayout& layout, const uint8_t* group, int64_t row,
                        int64_t block) {
  const int64_t blocks = layout.step / 32, b = block % blocks;
  const uint8_t* step = group + block / blocks * layout.StepBytes();
  PackedBlock result;
  ScalesAt(layout, step, row, b, &result);
  for (int64_t i = 0; i < 32; ++i)
    result.codes[i] = CodeAt(layout, step + layout.scale_bytes, row, 32 * b + i);
  return result;
}

void UnpackRow(const WeightFormat& format, const uint8_t* packed, int64_t n, int64_t K,
               float* values) {
  const PackedLayout layout = LayoutOf(format);
  const uint8_t* group = packed + n / kPackedRows * layout.GroupBytes(K);
  const int64_t row = n % kPackedRows;
  if (layout.form == PackedForm::kFloat) {
    for (int64_t k = 0; k < K; ++k) std::memcpy(values + k, group + 64 * k + 4 * row, 4);
  } else if (layout.form == PackedForm::kHalf) {
    for (int64_t k = 0; k < K; ++k) values[k] = HalfAt(group + 32 * k, row);
  } else if (layout.form == PackedForm::kBf16Pair) {
    for (int64_t k = 0; k < K; ++k) values[k] = Bf16At(group + 64 * (k / 2) + 4 * row, k % 2);
  } else {
    for (int64_t block = 0; block < K / 32; ++block) {
      const PackedBlock b = UnpackBlock(layout, group, row, block);
      for (int64_t i = 0; i < 32; ++i) {
        const auto code = static_cast<float>(static_cast<int>(b.codes[i]) - layout.offset);
        const float value = b.scale[i / 16] * code;
        // Without a minimum nothing is taken away, so that zeros keep their sign.
        const bool has_min = layout.form == PackedForm::kNibblesMin ||
                             layout.form == PackedForm::kSuperNibbles ||
                             layout.form == PackedForm::kSuperBytes;
        values[32 * block + i] = has_min ? value - b.min : value;
      }
    }
  }
}

}  // namespace strata::chips
