#include "courses/chips/low_precision/operand_rounding.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_split.h"
#include "chips/numerics/convert.h"
#include "chips/numerics/philox.h"

namespace strata::courses {
namespace {

using chips::Format;

template <typename Code>
absl::Status RoundElements(const OperandRounding& rounding, uint64_t seed, absl::Span<float> x) {
  std::vector<Code> codes(x.size());
  const Format format = *rounding.element;
  if (rounding.stochastic) {
    STRATA_RETURN_IF_ERROR(chips::FromF32Stochastic(
        format, x, chips::RandomBits(seed), 0, absl::MakeSpan(codes), chips::Overflow::kSaturate));
  } else {
    STRATA_RETURN_IF_ERROR(
        chips::FromF32(format, x, absl::MakeSpan(codes), chips::Overflow::kSaturate));
  }
  return chips::ToF32(format, codes, x);
}

// The power of two that brings the largest magnitude just under the format's largest; 1 for zeros.
double ScaleOf(Format format, absl::Span<const float> x) {
  float largest = 0;
  for (const float value : x) largest = std::max(largest, std::fabs(value));
  if (largest == 0 || !std::isfinite(largest)) return 1;
  const double top = chips::Decode(format, chips::Row(format).LargestCode());
  return std::exp2(std::ceil(std::log2(static_cast<double>(largest) / top)));
}

absl::StatusOr<double> RoundElement(const OperandRounding& rounding, uint64_t seed,
                                    absl::Span<float> x) {
  const double scale = rounding.scaled ? ScaleOf(*rounding.element, x) : 1;
  if (scale != 1) {
    for (float& value : x) value = static_cast<float>(value / scale);
  }
  STRATA_RETURN_IF_ERROR(chips::Row(*rounding.element).bits() <= 8
                             ? RoundElements<uint8_t>(rounding, seed, x)
                             : RoundElements<uint16_t>(rounding, seed, x));
  return scale;
}

// Rows of whole blocks are one array; others go row by row, as a row's last block is short.
absl::Status RoundBlocks(const OperandRounding& rounding, const OperandShape& shape, uint64_t seed,
                         absl::Span<float> x) {
  const bool whole = shape.k % chips::Row(*rounding.block).block == 0;
  const size_t step = static_cast<size_t>(whole ? shape.rows * shape.k : shape.k);
  for (size_t begin = 0; begin < x.size(); begin += step) {
    const absl::Span<float> part = x.subspan(begin, step);
    STRATA_ASSIGN_OR_RETURN(
        const chips::BlockArray q,
        chips::Quantise(*rounding.block, part,
                        {.rounding = rounding.stochastic ? chips::Rounding::kStochastic
                                                         : chips::Rounding::kNearestEven,
                         .seed = seed + begin}));
    const std::vector<float> rounded = chips::Dequantise(q);
    std::copy(rounded.begin(), rounded.end(), part.begin());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<OperandRounding> ParseOperandRounding(const std::string& text) {
  OperandRounding rounding;
  rounding.name = text;
  const std::vector<std::string> words = absl::StrSplit(text, ' ', absl::SkipEmpty());
  if (words.empty()) return absl::InvalidArgumentError("no format; give f32, bf16, mxfp4, ...");
  const absl::StatusOr<chips::BlockFormat> block = chips::ParseBlockFormat(words[0]);
  if (block.ok()) {
    rounding.block = *block;
  } else {
    STRATA_ASSIGN_OR_RETURN(const Format format, chips::ParseFormat(words[0]));
    if (format != Format::kF32) rounding.element = format;
    if (chips::Row(format).bits() > 16 && format != Format::kF32) {
      return absl::InvalidArgumentError(text + ": give f32, or a format of 16 bits or fewer");
    }
  }
  for (size_t i = 1; i < words.size(); ++i) {
    rounding.scaled = rounding.scaled || words[i] == "scaled";
    rounding.stochastic = rounding.stochastic || words[i] == "stochastic";
    if (words[i] != "scaled" && words[i] != "stochastic") {
      return absl::InvalidArgumentError(text + ": after the format: scaled, stochastic");
    }
  }
  return rounding;
}

absl::StatusOr<double> RoundOperand(const OperandRounding& rounding, const OperandShape& shape,
                                    uint64_t seed, absl::Span<float> x) {
  if (rounding.element.has_value()) return RoundElement(rounding, seed, x);
  if (rounding.block.has_value()) {
    STRATA_RETURN_IF_ERROR(RoundBlocks(rounding, shape, seed, x));
  }
  return 1.0;
}

}  // namespace strata::courses
