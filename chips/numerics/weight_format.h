// The formats in which model files hold weights: GGUF's (ggml's) types, decoded bit for bit as the format says.
//
//   STRATA_ASSIGN_OR_RETURN(const WeightFormat* q4, FindWeightFormat("q4_k"));
//   std::vector<uint8_t> row(RowBytes(*q4, K));        // K a multiple of q4->block
//   EncodeRow(*q4, x, K, row.data());
//   DecodeRow(*q4, row.data(), K, y);                  // y is x within half a step of its sub-block
//
// A row of K weights is K / block blocks, one after another, without padding; numbers are little-endian. In all
// formats of 32 the low nibbles of a block's bytes are its first half, the high ones its second. With d, m, s fp16,
// int8 or 6-bit numbers of the block and q a code, the value of a weight is
//
//   q8_0  d q,  q in [-128, 127]          q4_k  (d s) q - (m t),  q in [0, 15], s and t of 6 bits for each 32
//   q4_0  d (q - 8),  q in [0, 15]        q5_k  the same with q in [0, 31]
//   q4_1  d q + m                         q6_k  (d s) (q - 32),  q in [0, 63], s int8 for each 16
//   q5_0  d (q - 16),  q in [0, 31]       iq4_nl  d table[q]      mxfp4  2^(e - 127) E2M1[q], e = 255 is NaN
//
// in fp32; every product above is exact, so at most the one sum rounds, with or without a fused multiply-add.
// Encoders search for the scale (and minimum) of least squared error; their bytes are this library's choice, the
// format fixes only how they decode. Finite values beyond what a scale can hold are clamped; a block with a NaN or an
// infinity decodes to NaNs (f32, f16 and bf16 keep the value itself, and f16 overflows to infinity).
//
// Sources: ggml's block definitions (ggml-common.h, MIT) and docs/gguf.md; OCP Microscaling Formats 1.0 for mxfp4.
#ifndef STRATA_CHIPS_NUMERICS_WEIGHT_FORMAT_H_
#define STRATA_CHIPS_NUMERICS_WEIGHT_FORMAT_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace strata::chips {

// What the other operand of a product is rounded to: not at all, to bf16, or to int8 with a scale for each 32.
enum class Activations : uint8_t { kF32, kBf16, kQ8 };

struct WeightFormat {
  const char* name;    // "f32", "q8_0", "q4_k", ...
  uint32_t ggml_type;  // its number in GGUF files
  int64_t block;       // weights of a block: 1, 32 or 256
  int64_t bytes;       // of a block
  Activations activations;
  void (*decode)(const uint8_t* block, float* values);  // one block
  void (*encode)(const float* values, uint8_t* block);
  void (*decode_blocks)(const uint8_t* row, int64_t blocks, float* values);  // the same for many
  void (*encode_blocks)(const float* values, int64_t blocks, uint8_t* row);

  double BitsPerWeight() const { return 8.0 * static_cast<double>(bytes) / block; }
};

// f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q4_k, q5_k, q6_k, iq4_nl, mxfp4.
absl::Span<const WeightFormat> AllWeightFormats();
// INVALID_ARGUMENT lists the names.
absl::StatusOr<const WeightFormat*> FindWeightFormat(absl::string_view name);
// nullptr for a type that is not in the table.
const WeightFormat* FindGgmlType(uint32_t id);

// Bytes of K weights; K must be a multiple of the format's block.
int64_t RowBytes(const WeightFormat& format, int64_t K);
void DecodeRow(const WeightFormat& format, const uint8_t* row, int64_t K, float* values);
void EncodeRow(const WeightFormat& format, const float* values, int64_t K, uint8_t* row);

// The values of iq4_nl's codes, and twice those of mxfp4's (E2M1).
inline constexpr int8_t kIq4NlValues[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                            1,    13,   25,  38,  53,  69,  89,  113};
inline constexpr int8_t kMxFp4Doubled[16] = {0, 1,  2,  3,  4,  6,  8,  12,
                                             0, -1, -2, -3, -4, -6, -8, -12};

// Scale and minimum of sub-block j in [0, 8) of q4_k and q5_k, each of 6 bits, from the block's 12 bytes: the low six
// bits of bytes j and j + 4 for j < 4; else the nibbles of byte j + 4 with the top two bits of bytes j - 4 and j.
struct ScaleAndMin {
  uint8_t scale;
  uint8_t min;
};
inline ScaleAndMin KScaleAndMin(const uint8_t* packed, int j) {
  if (j < 4) {
    return {static_cast<uint8_t>(packed[j] & 63), static_cast<uint8_t>(packed[j + 4] & 63)};
  }
  return {static_cast<uint8_t>((packed[j + 4] & 15) | (packed[j - 4] >> 6 << 4)),
          static_cast<uint8_t>((packed[j + 4] >> 4) | (packed[j] >> 6 << 4))};
}

}  // namespace strata::chips

#endif  // STRATA_CHIPS_NUMERICS_WEIGHT_FORMAT_H_
