#include "chips/numerics/format.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace strata::chips {
namespace {

constexpr FormatRow kRows[] = {
    // format, name, kind, exponent bits, mantissa bits, bias, specials
    {Format::kF32, "f32", Kind::kFloat, 8, 23, 127, Specials::kIeee},
    {Format::kTf32, "tf32", Kind::kFloat, 8, 10, 127, Specials::kIeee},
    {Format::kBf16, "bf16", Kind::kFloat, 8, 7, 127, Specials::kIeee},
    {Format::kF16, "f16", Kind::kFloat, 5, 10, 15, Specials::kIeee},
    {Format::kE4M3, "e4m3", Kind::kFloat, 4, 3, 7, Specials::kFn},
    {Format::kE5M2, "e5m2", Kind::kFloat, 5, 2, 15, Specials::kIeee},
    {Format::kE4M3Fnuz, "e4m3fnuz", Kind::kFloat, 4, 3, 8, Specials::kFnuz},
    {Format::kE5M2Fnuz, "e5m2fnuz", Kind::kFloat, 5, 2, 16, Specials::kFnuz},
    {Format::kE3M2, "e3m2", Kind::kFloat, 3, 2, 3, Specials::kNone},
    {Format::kE2M3, "e2m3", Kind::kFloat, 2, 3, 1, Specials::kNone},
    {Format::kE2M1, "e2m1", Kind::kFloat, 2, 1, 1, Specials::kNone},
    {Format::kE8M0, "e8m0", Kind::kScale, 8, 0, 127, Specials::kAllOnes},
    {Format::kI8, "i8", Kind::kInteger, 0, 7, 0, Specials::kNone},
    {Format::kI4, "i4", Kind::kInteger, 0, 3, 0, Specials::kNone},
};

struct Alias {
  const char* name;
  Format format;
};
constexpr Alias kAliases[] = {
    {"fp32", Format::kF32},
    {"fp16", Format::kF16},
    {"half", Format::kF16},
    {"bfloat16", Format::kBf16},
    {"fp8-e4m3", Format::kE4M3},
    {"fp8_e4m3", Format::kE4M3},
    {"e4m3fn", Format::kE4M3},
    {"fp8-e5m2", Format::kE5M2},
    {"fp8_e5m2", Format::kE5M2},
    {"fp8e4m3", Format::kE4M3},
    {"fp8e5m2", Format::kE5M2},
    {"tensorfloat32", Format::kTf32},
    {"binary16", Format::kF16},
    {"int8", Format::kI8},
    {"int4", Format::kI4},
    {"float32", Format::kF32},
    {"float16", Format::kF16},
    {"float8_e4m3fn", Format::kE4M3},
    {"float8_e5m2", Format::kE5M2},
    {"float8_e4m3fnuz", Format::kE4M3Fnuz},
    {"float8_e5m2fnuz", Format::kE5M2Fnuz},
};

// How what is cut off at the last kept bit compares: the integer kept, and the rest as a fraction.
struct Split {
  uint64_t kept = 0;
  int half = -1;          // of the rest against one half: -1 below, 0 equal, 1 above
  bool exact = true;      // the rest is zero
  uint32_t fraction = 0;  // the rest * 2^32, rounded down
};

// significand / 2^shift.
Split ShiftRight(uint64_t significand, int shift) {
  Split split;
  if (shift <= 0 || significand == 0) {
    split.kept = significand == 0 ? 0 : significand << -shift;
    return split;
  }
  split.exact = false;
  if (shift > 64) {
    split.fraction = shift - 32 >= 64 ? 0 : static_cast<uint32_t>(significand >> (shift - 32));
    return split;
  }
  split.kept = shift == 64 ? 0 : significand >> shift;
  const uint64_t rest = shift == 64 ? significand : significand & ((uint64_t{1} << shift) - 1);
  const uint64_t half = uint64_t{1} << (shift - 1);
  split.half = rest < half ? -1 : rest == half ? 0 : 1;
  split.exact = rest == 0;
  split.fraction = static_cast<uint32_t>(shift <= 32 ? rest << (32 - shift) : rest >> (shift - 32));
  return split;
}

bool RoundsAway(const Split& split, bool negative, bool odd, const EncodeOptions& options) {
  if (split.exact) return false;
  switch (options.rounding) {
    case Rounding::kNearestEven:
      return split.half > 0 || (split.half == 0 && odd);
    case Rounding::kNearestAway:
      return split.half >= 0;
    case Rounding::kTowardZero:
      return false;
    case Rounding::kUp:
      return !negative;
    case Rounding::kDown:
      return negative;
    case Rounding::kStochastic:
      return uint64_t{split.fraction} + options.random > 0xffffffffu;
  }
  return false;
}

// A mode that never moves away from zero brings no finite number beyond the largest.
bool StopsAtLargest(Rounding rounding, bool negative) {
  return rounding == Rounding::kTowardZero || (rounding == Rounding::kUp && negative) ||
         (rounding == Rounding::kDown && !negative);
}

uint32_t WithSign(const FormatRow& row, bool negative, uint32_t code) {
  if (!negative) return code;
  if (row.specials == Specials::kFnuz && code == 0) return 0;
  return code | row.SignMask();
}

uint32_t Overflowed(const FormatRow& row, bool negative, Overflow overflow) {
  const uint32_t code = overflow == Overflow::kSaturate ? row.LargestCode() : row.OverflowCode();
  if (row.specials == Specials::kFnuz && overflow == Overflow::kToSpecial) return code;
  return WithSign(row, negative, code);
}

uint32_t EncodeInteger(const FormatRow& row, bool negative, uint64_t significand, int exponent,
                       const EncodeOptions& options) {
  const uint64_t largest = row.LargestCode() + (negative ? 1 : 0);
  uint64_t magnitude = largest;
  if (static_cast<int>(std::bit_width(significand)) + exponent <= 32) {
    const Split split = ShiftRight(significand, -exponent);
    const bool away = RoundsAway(split, negative, split.kept % 2 == 1, options);
    magnitude = std::min(split.kept + (away ? 1 : 0), largest);
  }
  const uint64_t mask = (uint64_t{1} << row.bits()) - 1;
  return static_cast<uint32_t>((negative ? ~magnitude + 1 : magnitude) & mask);
}

uint32_t EncodeNan(const FormatRow& row, double nan) {
  if (row.kind == Kind::kInteger) return 0;
  if (!row.HasNan()) return row.LargestCode();
  if (row.specials == Specials::kFnuz) return row.SignMask();
  if (row.specials != Specials::kIeee) {
    return WithSign(row, row.kind == Kind::kFloat && std::signbit(nan), row.OverflowCode());
  }
  const uint64_t payload =
      (std::bit_cast<uint64_t>(nan) & ((uint64_t{1} << 52) - 1)) >> (52 - row.mantissa_bits);
  const uint32_t quiet = 1u << (row.mantissa_bits - 1);
  return WithSign(row, std::signbit(nan),
                  row.OverflowCode() | quiet | static_cast<uint32_t>(payload));
}

uint32_t EncodeInfinity(const FormatRow& row, bool negative, Overflow overflow) {
  if (row.kind == Kind::kInteger) return row.LargestCode() + (negative ? 1 : 0);
  if (row.kind == Kind::kScale && negative) return row.OverflowCode();
  return Overflowed(row, negative, overflow);
}

}  // namespace

uint32_t FormatRow::LargestCode() const {
  const uint32_t ones = (kind == Kind::kScale ? 0 : SignMask()) - 1;
  switch (specials) {
    case Specials::kIeee:
      return OverflowCode() - 1;
    case Specials::kFn:
      return ones - 1;
    case Specials::kAllOnes:
      return (1u << bits()) - 2;
    case Specials::kFnuz:
    case Specials::kNone:
      return ones;
  }
  return ones;
}

uint32_t FormatRow::OverflowCode() const {
  switch (specials) {
    case Specials::kIeee:
      return ((1u << exponent_bits) - 1) << mantissa_bits;
    case Specials::kFn:
    case Specials::kAllOnes:
      return LargestCode() + 1;
    case Specials::kFnuz:
      return SignMask();
    case Specials::kNone:
      return LargestCode();
  }
  return 0;
}

const FormatRow& Row(Format format) { return kRows[static_cast<size_t>(format)]; }

absl::Span<const FormatRow> AllFormats() { return kRows; }

absl::StatusOr<Format> ParseFormat(absl::string_view name) {
  const std::string lower = absl::AsciiStrToLower(name);
  std::string names;
  for (const FormatRow& row : kRows) {
    if (lower == row.name) return row.format;
    absl::StrAppend(&names, names.empty() ? "" : ", ", row.name);
  }
  for (const Alias& alias : kAliases) {
    if (lower == alias.name) return alias.format;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no number format '", name, "'; there is: ", names));
}

bool IsNanCode(Format format, uint32_t code) {
  const FormatRow& row = Row(format);
  code &= static_cast<uint32_t>((uint64_t{1} << row.bits()) - 1);
  const uint32_t magnitude = code & ~row.SignMask();
  switch (row.specials) {
    case Specials::kIeee:
      return magnitude > row.OverflowCode();
    case Specials::kFn:
    case Specials::kAllOnes:
      return magnitude == row.OverflowCode();
    case Specials::kFnuz:
      return code == row.OverflowCode();
    case Specials::kNone:
      return false;
  }
  return false;
}

bool IsInfinityCode(Format format, uint32_t code) {
  const FormatRow& row = Row(format);
  return row.HasInfinity() && (code & (row.SignMask() - 1)) == row.OverflowCode();
}

double Decode(Format format, uint32_t code) {
  const FormatRow& row = Row(format);
  code &= static_cast<uint32_t>((uint64_t{1} << row.bits()) - 1);
  const bool negative = (code & row.SignMask()) != 0;
  if (IsNanCode(format, code)) {
    return std::copysign(std::numeric_limits<double>::quiet_NaN(), negative ? -1.0 : 1.0);
  }
  if (row.kind == Kind::kInteger) {
    return static_cast<double>(code) - (negative ? 2.0 * row.SignMask() : 0.0);
  }
  if (row.kind == Kind::kScale) return std::ldexp(1.0, static_cast<int>(code) - row.bias);
  const uint32_t magnitude = code & (row.SignMask() - 1);
  double value = std::numeric_limits<double>::infinity();
  if (!IsInfinityCode(format, code)) {
    const int exponent = static_cast<int>(magnitude >> row.mantissa_bits);
    const uint32_t mantissa = magnitude & ((1u << row.mantissa_bits) - 1);
    const uint32_t hidden = exponent == 0 ? 0 : 1u << row.mantissa_bits;
    value = std::ldexp(mantissa + hidden, std::max(exponent, 1) - row.bias - row.mantissa_bits);
  }
  return negative ? -value : value;
}

uint32_t EncodeExact(Format format, bool negative, uint64_t significand, int exponent,
                     const EncodeOptions& options) {
  const FormatRow& row = Row(format);
  if (row.kind == Kind::kInteger) {
    return EncodeInteger(row, negative, significand, exponent, options);
  }
  if (row.kind == Kind::kScale) {
    if (significand == 0) return 0;
    if (negative) return row.OverflowCode();
  }
  if (significand == 0) return WithSign(row, negative, 0);
  // The last kept bit is worth 2^last; a code counts those steps, and each binade has as many.
  const int top = static_cast<int>(std::bit_width(significand)) - 1 + exponent;
  const int last = std::max(top, row.min_exponent()) - row.mantissa_bits;
  const Split split = ShiftRight(significand, last - exponent);
  const uint64_t rounded =
      split.kept + (RoundsAway(split, negative, split.kept % 2 == 1, options) ? 1 : 0);
  const uint64_t binades = static_cast<uint64_t>(last + row.mantissa_bits - row.min_exponent());
  uint64_t code = (binades << row.mantissa_bits) + rounded;
  if (row.kind == Kind::kScale) code = code == 0 ? 0 : code - 1;
  if (code > row.LargestCode()) {
    return StopsAtLargest(options.rounding, negative) ? WithSign(row, negative, row.LargestCode())
                                                      : Overflowed(row, negative, options.overflow);
  }
  return WithSign(row, negative, static_cast<uint32_t>(code));
}

uint32_t Encode(Format format, double value, const EncodeOptions& options) {
  const FormatRow& row = Row(format);
  if (std::isnan(value)) return EncodeNan(row, value);
  const bool negative = std::signbit(value);
  if (std::isinf(value)) return EncodeInfinity(row, negative, options.overflow);
  const uint64_t bits = std::bit_cast<uint64_t>(value);
  const int exponent = static_cast<int>((bits >> 52) & 0x7ff);
  const uint64_t mantissa = bits & ((uint64_t{1} << 52) - 1);
  const uint64_t hidden = exponent == 0 ? 0 : uint64_t{1} << 52;
  return EncodeExact(format, negative, mantissa | hidden, std::max(exponent, 1) - 1075, options);
}

double RoundTo(Format format, double value, const EncodeOptions& options) {
  return Decode(format, Encode(format, value, options));
}

}  // namespace strata::chips
