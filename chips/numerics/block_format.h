// Block formats: elements of few bits that share a scale. OCP Microscaling Formats (MX) 1.0, and NVIDIA's
// NVFP4 ("Pretraining Large Language Models with NVFP4", arXiv:2509.25149).
//
//   STRATA_ASSIGN_OR_RETURN(BlockArray q, Quantise(BlockFormat::kMxFp4, x));
//   std::vector<float> y = Dequantise(q);   // y[i] = element * scale of its block (* tensor scale)
//
// MX: blocks of 32 and a power of two (E8M0) each, the largest one not above the block's largest magnitude
// over the largest power of two of the element's format; elements are rounded and clamped (section 6.3).
// NVFP4: blocks of 16, an E4M3 scale each, and one fp32 scale for all, so that the largest value lands at
// 6 * 448.
#ifndef STRATA_CHIPS_NUMERICS_BLOCK_FORMAT_H_
#define STRATA_CHIPS_NUMERICS_BLOCK_FORMAT_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "chips/numerics/format.h"
#include "chips/numerics/philox.h"

namespace strata::chips {

enum class BlockFormat : uint8_t {
  kMxFp8E4M3,
  kMxFp8E5M2,
  kMxFp6E3M2,
  kMxFp6E2M3,
  kMxFp4,
  kMxInt8,
  kNvFp4,
};

struct BlockRow {
  BlockFormat format;
  const char* name;
  Format element;
  Format scale;
  int block;             // elements that share a scale
  int element_exponent;  // an element's value is its code's times 2^this: -6 in MXINT8, else 0
  int largest_exponent;  // of the largest power of two that an element can be

  double BitsPerValue() const { return Row(element).bits() + double{8} / block; }
};

const BlockRow& Row(BlockFormat format);
absl::Span<const BlockRow> AllBlockFormats();
// "mxfp8_e4m3", "mxfp4", "mxint8", "nvfp4", ... INVALID_ARGUMENT lists them.
absl::StatusOr<BlockFormat> ParseBlockFormat(absl::string_view name);

struct BlockArray {
  BlockFormat format;
  std::vector<uint8_t> elements;  // a code each
  std::vector<uint8_t> scales;    // a code a block; the last block may be short
  float tensor_scale = 1;         // NVFP4's; 1 in MX
};

struct QuantiseOptions {
  Rounding rounding = Rounding::kNearestEven;  // of the elements; scales are as the formats say
  uint64_t seed = 0;   // for kStochastic: element i takes word first + i of this stream
  uint64_t first = 0;  // of the values, when they are a part of an array
};

// The values stand in the order in which blocks are taken; a row whose length is no multiple of the block
// is to be given by itself. A block that holds an infinity or a NaN becomes NaN as a whole, by its scale.
// Zero blocks get the smallest scale. MXINT8 leaves -128 unused, so that it stays symmetric.
absl::StatusOr<BlockArray> Quantise(BlockFormat format, absl::Span<const float> values,
                                    const QuantiseOptions& options = {});

// The values, rounded to fp32 where the scales leave its range.
std::vector<float> Dequantise(const BlockArray& array);

// The same in the caller's memory, so that arrays can be done by parts, which begin at whole blocks. With AVX-512
// elements to nearest and stochastic ones, and values back, are done sixteen at once (convert_bench tells the rates);
// other machines and roundings take the exact scalar code. INVALID_ARGUMENT when sizes
// do not fit.
//
//   const float scale = TensorScale(BlockFormat::kNvFp4, x);
//   STRATA_RETURN_IF_ERROR(QuantiseInto(BlockFormat::kNvFp4, x, scale, {}, absl::MakeSpan(codes), absl::MakeSpan(scales)));
float TensorScale(BlockFormat format, absl::Span<const float> values);  // 1 in MX
absl::Status QuantiseInto(BlockFormat format, absl::Span<const float> values, float tensor_scale,
                          const QuantiseOptions& options, absl::Span<uint8_t> elements,
                          absl::Span<uint8_t> scales);
absl::Status DequantiseInto(BlockFormat format, absl::Span<const uint8_t> elements,
                            absl::Span<const uint8_t> scales, float tensor_scale,
                            absl::Span<float> values);

}  // namespace strata::chips

#endif  // STRATA_CHIPS_NUMERICS_BLOCK_FORMAT_H_
