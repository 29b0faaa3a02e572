#include "chips/numerics/block_format.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "chips/numerics/block_kernels.h"
#include "chips/numerics/convert.h"
#include "chips/numerics/convert_kernels.h"

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

float LargestFinite(absl::Span<const float> values) {
  if (HasConvertKernels()) {
    return std::bit_cast<float>(LargestFiniteKernel(values.data(), values.size()));
  }
  float largest = 0;
  for (const float value : values) {
    if (std::isfinite(value)) largest = std::max(largest, std::fabs(value));
  }
  return largest;
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

// What every code of a scale is worth.
const std::array<double, 256>& ScaleValues(Format scale) {
  static const auto& values = *new std::array<std::array<double, 256>, 2>([] {
    std::array<std::array<double, 256>, 2> made;
    for (uint32_t code = 0; code < 256; ++code) {
      made[0][code] = Decode(Format::kE8M0, code);
      made[1][code] = Decode(Format::kE4M3, code);
    }
    return made;
  }());
  return values[scale == Format::kE4M3 ? 1 : 0];
}

// An array, or a part of one, and where it goes.
struct Work {
  const BlockRow& row;
  absl::Span<const float> values;
  float tensor_scale;
  const QuantiseOptions& options;
  absl::Span<uint8_t> elements, scales;

  size_t block() const { return static_cast<size_t>(row.block); }
  // What the elements of block b are multiplied by.
  double Scale(size_t b) const { return Decode(row.scale, scales[b]) * tensor_scale; }
};

void ExactScales(const Work& work) {
  for (size_t b = 0; b < work.scales.size(); ++b) {
    const double largest = LargestMagnitude(work.values.subspan(b * work.block(), work.block()));
    work.scales[b] = ScaleCode(work.row, largest, work.tensor_scale);
  }
}

void ExactElements(const Work& work) {
  const RandomBits random(work.options.seed);
  for (size_t begin = 0; begin < work.values.size(); begin += work.block()) {
    const double scale = work.Scale(begin / work.block());
    const bool zero = std::isnan(scale) || scale == 0;
    for (size_t i = begin; i < std::min(begin + work.block(), work.values.size()); ++i) {
      work.elements[i] = zero ? 0
                              : ElementCode(work.row, work.values[i] / scale,
                                            work.options.first + i, work.options, random);
    }
  }
}

// Kernels take an array in pieces of so many blocks: what finding the scales has read is in the cache
// when the elements are made.
constexpr size_t kPiece = 64;

// Of a piece.
void FastScales(const Work& work) {
  uint32_t largest[kPiece];
  LargestKernel(work.values.data(), work.values.size(), work.block(), largest);
  if (work.row.scale == Format::kE4M3) {
    Fp4ScaleKernel(largest, work.scales.size(), kLargestE2M1 * work.tensor_scale,
                   work.scales.data());
    return;
  }
  for (size_t b = 0; b < work.scales.size(); ++b) {  // the exponent field; the least is 2^-127
    const int field = static_cast<int>(largest[b] >> 23) - work.row.largest_exponent;
    work.scales[b] = largest[b] >= 0x7f800000u ? 255 : static_cast<uint8_t>(std::max(field, 0));
  }
}

// What each block's elements are multiplied by, in NVFP4.
void Fp4Factors(const Work& work, double* factors) {
  const std::array<double, 256>& e4m3 = ScaleValues(Format::kE4M3);
  for (size_t b = 0; b < work.scales.size(); ++b)
    factors[b] = e4m3[work.scales[b]] * work.tensor_scale;
}

// Of a piece.
void NearestElements(const Work& work) {
  const float* values = work.values.data();
  const size_t count = work.values.size();
  if (work.row.format == BlockFormat::kNvFp4) {
    double factors[kPiece];
    Fp4Factors(work, factors);
    Fp4ElementKernel(values, count, factors, work.elements.data());
  } else if (work.row.format == BlockFormat::kMxInt8) {
    MxIntegerKernel(values, count, work.scales.data(), work.elements.data());
  } else {
    MxElementKernel(EncodeConstants(Row(work.row.element), Overflow::kSaturate), values, count,
                    work.scales.data(), work.elements.data());
  }
}

// Of a piece. MX: fp32 holds the quotients, but for such as are below 2^-126, which no random word
// brings up.
void StochasticElements(const Work& work) {
  const size_t count = work.values.size();
  uint32_t random[kPiece * 32];
  RandomBits(work.options.seed).Fill(work.options.first, absl::MakeSpan(random, count));
  if (work.row.format == BlockFormat::kNvFp4) {
    double factors[kPiece];
    Fp4Factors(work, factors);
    StochasticFp4Kernel(work.values.data(), count, factors, random, work.elements.data());
    return;
  }
  const std::array<double, 256>& scales = ScaleValues(work.row.scale);
  const float step = std::ldexp(1.0f, -work.row.element_exponent);
  float quotients[kPiece * 32];
  for (size_t i = 0; i < count; i += 32) {
    const uint8_t scale = work.scales[i / 32];
    const float inverse = static_cast<float>(1 / scales[scale]);
    for (size_t j = i; j < std::min(i + 32, count); ++j)
      quotients[j] = scale == 255 ? 0 : work.values[j] * inverse * step;
  }
  if (work.row.format == BlockFormat::kMxInt8) {
    StochasticIntegerKernel(8, -127, 127, quotients, random, work.elements.data(), count);
  } else {
    EncodeStochasticKernel(EncodeConstants(Row(work.row.element), Overflow::kSaturate), quotients,
                           random, work.elements.data(), count);
  }
}

void QuantisePiece(const Work& work) {
  FastScales(work);
  switch (work.options.rounding) {
    case Rounding::kNearestEven:
      return NearestElements(work);
    case Rounding::kStochastic:
      return StochasticElements(work);
    default:
      return ExactElements(work);
  }
}

absl::Status CheckSizes(const BlockRow& row, size_t values, size_t elements, size_t scales) {
  const size_t block = static_cast<size_t>(row.block), blocks = (values + block - 1) / block;
  if (elements != values) {
    return absl::InvalidArgumentError(
        absl::StrCat("elements: has ", elements, "; must have as many as values, ", values));
  }
  if (scales == blocks) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("scales: has ", scales, "; must have ", blocks, ", one for ", block, " values"));
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

float TensorScale(BlockFormat format, absl::Span<const float> values) {
  if (Row(format).scale != Format::kE4M3) return 1;
  // The largest finite value, or rather its block, comes to 448 times 6.
  const float largest = LargestFinite(values);
  if (largest == 0) return 1;
  const float scale = static_cast<float>(largest / (kLargestE2M1 * kLargestE4M3));
  return std::max(scale, std::numeric_limits<float>::denorm_min());
}

absl::Status QuantiseInto(BlockFormat format, absl::Span<const float> values, float tensor_scale,
                          const QuantiseOptions& options, absl::Span<uint8_t> elements,
                          absl::Span<uint8_t> scales) {
  const BlockRow& row = Row(format);
  STRATA_RETURN_IF_ERROR(CheckSizes(row, values.size(), elements.size(), scales.size()));
  if (!HasConvertKernels()) {
    const Work work{row, values, tensor_scale, options, elements, scales};
    ExactScales(work);
    ExactElements(work);
    return absl::OkStatus();
  }
  const size_t block = static_cast<size_t>(row.block);
  for (size_t b = 0; b < scales.size(); b += kPiece) {
    const size_t begin = b * block, most = kPiece * block;
    QuantiseOptions part = options;
    part.first += begin;
    QuantisePiece({row, values.subspan(begin, most), tensor_scale, part,
                   elements.subspan(begin, most), scales.subspan(b, kPiece)});
  }
  return absl::OkStatus();
}

absl::StatusOr<BlockArray> Quantise(BlockFormat format, absl::Span<const float> values,
                                    const QuantiseOptions& options) {
  const size_t block = static_cast<size_t>(Row(format).block);
  if (values.empty()) return absl::InvalidArgumentError("values: is empty; give one or more");
  BlockArray array{.format = format, .elements = {}, .scales = {}};
  array.tensor_scale = TensorScale(format, values);
  array.elements.resize(values.size());
  array.scales.resize((values.size() + block - 1) / block);
  STRATA_RETURN_IF_ERROR(QuantiseInto(format, values, array.tensor_scale, options,
                                      absl::MakeSpan(array.elements),
                                      absl::MakeSpan(array.scales)));
  return array;
}

absl::Status DequantiseInto(BlockFormat format, absl::Span<const uint8_t> elements,
                            absl::Span<const uint8_t> scales, float tensor_scale,
                            absl::Span<float> values) {
  const BlockRow& row = Row(format);
  STRATA_RETURN_IF_ERROR(CheckSizes(row, values.size(), elements.size(), scales.size()));
  const size_t block = static_cast<size_t>(row.block);
  const std::array<double, 256>& powers = ScaleValues(row.scale);
  const double step = std::ldexp(1.0, row.element_exponent);
  float factors[kPiece];
  for (size_t b = 0; b < scales.size(); b += kPiece) {
    const size_t blocks = std::min(kPiece, scales.size() - b), begin = b * block;
    const absl::Span<float> part = values.subspan(begin, blocks * block);
    STRATA_RETURN_IF_ERROR(ToF32(row.element, elements.subspan(begin, blocks * block), part));
    // An element times its scale is exact, and in NVFP4, where both have few bits, the tensor's scale comes last; a
    // power of two below fp32's least number is none of these scales.
    for (size_t i = 0; i < blocks; ++i)
      factors[i] = static_cast<float>(powers[scales[b + i]] * step);
    if (HasConvertKernels()) {
      ScaleKernel(part.data(), part.size(), block, factors, tensor_scale);
    } else {
      for (size_t i = 0; i < part.size(); ++i)
        part[i] = part[i] * factors[i / block] * tensor_scale;
    }
  }
  return absl::OkStatus();
}

std::vector<float> Dequantise(const BlockArray& array) {
  std::vector<float> values(array.elements.size());
  const absl::Status status = DequantiseInto(array.format, array.elements, array.scales,
                                             array.tensor_scale, absl::MakeSpan(values));
  return status.ok() ? values : std::vector<float>();
}

}  // namespace strata::chips
