#include "chips/numerics/block_format.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "chips/numerics/convert.h"

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
  const bool ordinary = largest > 0;  // neither 0 nor NaN, which stand for themselves
  const double power =
      ordinary ? std::ldexp(1.0, std::ilogb(largest) - row.largest_exponent) : largest;
  return static_cast<uint8_t>(Encode(row.scale, power, {.overflow = Overflow::kSaturate}));
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

// What the elements of the block that begins at an index are multiplied by.
double BlockScale(const BlockRow& row, const BlockArray& array, size_t begin) {
  return Decode(row.scale, array.scales[begin / static_cast<size_t>(row.block)]) *
         array.tensor_scale;
}

void ExactElements(const BlockRow& row, absl::Span<const float> values,
                   const QuantiseOptions& options, BlockArray& array) {
  const RandomBits random(options.seed);
  const size_t block = static_cast<size_t>(row.block);
  for (size_t begin = 0; begin < values.size(); begin += block) {
    const double scale = BlockScale(row, array, begin);
    const bool zero = std::isnan(scale) || scale == 0;
    for (size_t i = begin; i < std::min(begin + block, values.size()); ++i) {
      array.elements[i] = zero ? 0 : ElementCode(row, values[i] / scale, i, options, random);
    }
  }
}

// To nearest, where scales are powers of two: fp32 holds the quotients, but for such as are below 2^-126,
// which are zeros in every element's format.
absl::Status FastElements(const BlockRow& row, absl::Span<const float> values, BlockArray& array) {
  std::vector<float> quotients(values.size());
  const size_t block = static_cast<size_t>(row.block);
  for (size_t begin = 0; begin < values.size(); begin += block) {
    const double scale = BlockScale(row, array, begin);
    const float inverse = static_cast<float>(1 / scale);
    for (size_t i = begin; i < std::min(begin + block, values.size()); ++i) {
      quotients[i] = std::isnan(scale) ? 0 : values[i] * inverse;
    }
  }
  return FromF32(row.element, quotients, absl::MakeSpan(array.elements), Overflow::kSaturate);
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
  for (size_t begin = 0; begin < values.size(); begin += static_cast<size_t>(row.block)) {
    const double largest = LargestMagnitude(values.subspan(begin, static_cast<size_t>(row.block)));
    array.scales.push_back(ScaleCode(row, largest, array.tensor_scale));
  }
  array.elements.resize(values.size());
  const bool fast = options.rounding == Rounding::kNearestEven && row.scale == Format::kE8M0 &&
                    Row(row.element).kind == Kind::kFloat;
  if (fast) {
    STRATA_RETURN_IF_ERROR(FastElements(row, values, array));
  } else {
    ExactElements(row, values, options, array);
  }
  return array;
}

std::vector<float> Dequantise(const BlockArray& array) {
  const BlockRow& row = Row(array.format);
  std::vector<float> values(array.elements.size());
  if (!ToF32(row.element, array.elements, absl::MakeSpan(values)).ok()) return {};
  const size_t block = static_cast<size_t>(row.block);
  for (size_t begin = 0; begin < values.size(); begin += block) {
    // Exact: a scale has 4 bits at most and the tensor's 24.
    const double scale = std::ldexp(BlockScale(row, array, begin), row.element_exponent);
    for (size_t i = begin; i < std::min(begin + block, values.size()); ++i) {
      values[i] = static_cast<float>(values[i] * scale);
    }
  }
  return values;
}

}  // namespace strata::chips
