#include "chips/numerics/block_format.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace strata::chips {
namespace {

constexpr BlockRow kRows[] = {
    // format, name, element, scale, block, element's exponent, exponent of its largest power of two
    {BlockFormat::kMxFp8E4M3, "mxfp8_e4m3", Format::kE4M3, Format::kE8M0, 32, 0, 8},
    {BlockFormat::kMxFp8E5M2, "mxfp8_e5m2", Format::kE5M2, Format::kE8M0, 32, 0, 15},
    {BlockFormat::kMxFp6E3M2, "mxfp6_e3m2", Format::kE3M2, Format::kE8M0, 32, 0, 4},
    {BlockFormat::kMxFp6E2M3, "mxfp6_e2m3", Format::kE2M3, Format::kE8M0, 32, 0, 2},
    {BlockFormat::kMxFp4, "mxfp4", Format::kE2M1, Format::kE8M0, 32, 0, 2},
    {BlockFormat::kMxInt8, "mxint8", Format::kI8, Format::kE8M0, 32, -6, 0},
    {BlockFormat::kNvFp4, "nvfp4", Format::kE2M1, Format::kE4M3, 16, 0, 2},
};

constexpr double kLargestE2M1 = 6, kLargestE4M3 = 448;

// The largest magnitude; NaN when a value is not finite.
double LargestMagnitude(absl::Span<const float> values) {
  float largest = 0;
  for (const float value : values) {
    if (!std::isfinite(value)) return std::numeric_limits<double>::quiet_NaN();
    largest = std::max(largest, std::fabs(value));
  }
  return largest;
}

// One scale for the tensor: the largest finite value, or rather its block, comes to 448 times 6.
float TensorScale(absl::Span<const float> values) {
  float largest = 0;
  for (const float value : values) {
    if (std::isfinite(value)) largest = std::max(largest, std::fabs(value));
  }
  if (largest == 0) return 1;
  const float scale = static_cast<float>(largest / (kLargestE2M1 * kLargestE4M3));
  return std::max(scale, std::numeric_limits<float>::denorm_min());
}

uint8_t ScaleCode(const BlockRow& row, double largest, float tensor_scale) {
  if (row.scale == Format::kE4M3) {
    return static_cast<uint8_t>(Encode(row.scale, largest / (kLargestE2M1 * tensor_scale),
                                       {.overflow = Overflow::kSaturate}));
  }
  const double power =
      largest == 0 ? 0 : std::ldexp(1.0, std::ilogb(largest) - row.largest_exponent);
  return static_cast<uint8_t>(
      Encode(row.scale, std::isnan(largest) ? largest : power, {.overflow = Overflow::kSaturate}));
}

// `index` is of the whole array. The quotient is exact in MX. In NVFP4 it is rounded to double, which
// cannot bring it onto a tie or over one: value, scale and tie have too few bits to come that close.
uint8_t ElementCode(const BlockRow& row, double quotient, size_t index,
                    const QuantiseOptions& options, const RandomBits& random) {
  EncodeOptions encode{.rounding = options.rounding, .overflow = Overflow::kSaturate};
  if (options.rounding == Rounding::kStochastic) encode.random = random.At(index);
  const double scaled = std::ldexp(quotient, -row.element_exponent);
  const double kept = row.element == Format::kI8 ? std::max(scaled, -127.0) : scaled;
  return static_cast<uint8_t>(Encode(row.element, kept, encode));
}

}  // namespace

const BlockRow& Row(BlockFormat format) { return kRows[static_cast<size_t>(format)]; }

absl::Span<const BlockRow> AllBlockFormats() { return kRows; }

absl::StatusOr<BlockFormat> ParseBlockFormat(absl::string_view name) {
  std::string names;
  for (const BlockRow& row : kRows) {
    if (name == row.name) return row.format;
    absl::StrAppend(&names, names.empty() ? "" : ", ", row.name);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no block format '", name, "'; there is: ", names));
}

absl::StatusOr<BlockArray> Quantise(BlockFormat format, absl::Span<const float> values,
                                    const QuantiseOptions& options) {
  const BlockRow& row = Row(format);
  if (values.empty()) return absl::InvalidArgumentError("values: is empty; give one or more");
  BlockArray array{.format = format, .elements = {}, .scales = {}};
  if (row.scale == Format::kE4M3) array.tensor_scale = TensorScale(values);
  const RandomBits random(options.seed);
  const size_t block = static_cast<size_t>(row.block);
  array.elements.reserve(values.size());
  for (size_t begin = 0; begin < values.size(); begin += block) {
    const absl::Span<const float> part = values.subspan(begin, block);
    const uint8_t code = ScaleCode(row, LargestMagnitude(part), array.tensor_scale);
    array.scales.push_back(code);
    const double scale = Decode(row.scale, code) * array.tensor_scale;  // exact
    for (size_t i = 0; i < part.size(); ++i) {
      const bool zero = std::isnan(scale) || scale == 0;
      array.elements.push_back(
          zero ? 0 : ElementCode(row, part[i] / scale, begin + i, options, random));
    }
  }
  return array;
}

std::vector<float> Dequantise(const BlockArray& array) {
  const BlockRow& row = Row(array.format);
  std::vector<float> values(array.elements.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const double scale = Decode(row.scale, array.scales[i / static_cast<size_t>(row.block)]);
    const double element = std::ldexp(Decode(row.element, array.elements[i]), row.element_exponent);
    values[i] = static_cast<float>(element * (scale * array.tensor_scale));
  }
  return values;
}

}  // namespace strata::chips
