#include "chips/numerics/block_dot.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace strata::chips {
namespace {

constexpr int kLeastExponent = -126;
constexpr uint32_t kNan = 0x7fffffff;

// significand * 2^last, where `exponent` is what alignment goes by.
struct Term {
  int64_t significand = 0;
  int exponent = kLeastExponent;
  int last = 0;
};

Term Unpack(Format format, uint32_t code) {
  const FormatRow& row = Row(format);
  if (row.kind == Kind::kScale)
    return {1, static_cast<int>(code) - row.bias, static_cast<int>(code) - row.bias};
  const uint32_t magnitude = code & (row.SignMask() - 1);
  const int field = static_cast<int>(magnitude >> row.mantissa_bits);
  const int64_t hidden = field == 0 ? 0 : int64_t{1} << row.mantissa_bits;
  const int64_t significand = hidden + (magnitude & ((1u << row.mantissa_bits) - 1));
  const int exponent = std::max(field, 1) - row.bias;
  return {(code & row.SignMask()) != 0 ? -significand : significand, exponent,
          exponent - row.mantissa_bits};
}

Term Times(const Term& x, const Term& y) {
  return {x.significand * y.significand, x.exponent + y.exponent, x.last + y.last};
}

int64_t CutOff(const Term& term, int last) {
  const int shift = last - term.last;
  if (shift <= 0) return term.significand * (int64_t{1} << -shift);
  const int64_t cut = std::abs(term.significand) >> std::min(shift, 63);
  return term.significand < 0 ? -cut : cut;
}

// The terms and C, cut off `bits` below the largest exponent, added, and cut off to fp32.
uint32_t AlignAndAdd(absl::Span<const Term> terms, uint32_t c, int bits) {
  Term accumulator = Unpack(Format::kF32, c);
  if (accumulator.significand == 0) accumulator.exponent = kLeastExponent;
  int largest = std::max(accumulator.exponent, kLeastExponent);
  for (const Term& term : terms) {
    if (term.significand != 0) largest = std::max(largest, term.exponent);
  }
  const int last = largest - bits;
  int64_t sum = CutOff(accumulator, last);
  for (const Term& term : terms) sum += term.significand == 0 ? 0 : CutOff(term, last);
  if (sum == 0) return 0;
  const uint64_t magnitude = static_cast<uint64_t>(std::abs(sum));
  if (static_cast<int>(std::bit_width(magnitude)) + last > 128) {
    return sum < 0 ? 0xff800000u : 0x7f800000u;
  }
  return EncodeExact(Format::kF32, sum < 0, magnitude, last, {.rounding = Rounding::kTowardZero});
}

// One instruction's worth of an operand.
struct Part {
  const BlockRow& row;
  absl::Span<const uint8_t> elements, scales;

  Term Element(size_t i) const { return Unpack(row.element, elements[i]); }
  // Of the element's block, without the sign that it does not have.
  Term Scale(size_t i) const {
    Term scale = Unpack(row.scale, scales[i / static_cast<size_t>(row.block)]);
    scale.significand = std::abs(scale.significand);
    return scale;
  }
  double Value(size_t i) const {
    const uint8_t scale = scales[i / static_cast<size_t>(row.block)];
    return Decode(row.element, elements[i]) * std::fabs(Decode(row.scale, scale));
  }
};

// NaN or infinity where one takes part, else zero. The doubles stay finite where the operands are.
double Special(const Part& a, const Part& b, uint32_t c) {
  double sum = Decode(Format::kF32, c);
  for (size_t i = 0; i < a.elements.size(); ++i) sum += a.Value(i) * b.Value(i);
  return std::isfinite(sum) ? 0 : sum;
}

uint32_t EightBitInstruction(const Part& a, const Part& b, uint32_t c) {
  std::array<Term, 32> terms;
  for (size_t i = 0; i < a.elements.size(); ++i) {
    terms[i] = Times(a.Element(i), b.Element(i));
    const int shift = a.Scale(i).exponent + b.Scale(i).exponent;
    terms[i].exponent += shift;
    terms[i].last += shift;
  }
  return AlignAndAdd(absl::MakeSpan(terms).subspan(0, a.elements.size()), c, 25);
}

uint32_t FourBitInstruction(const Part& a, const Part& b, uint32_t c) {
  constexpr size_t kExact = 16;
  std::array<Term, 4> groups;
  size_t count = 0;
  for (size_t begin = 0; begin < a.elements.size(); begin += kExact) {
    Term sum{0, 0, -2};  // products of fp4 are multiples of 1/4
    for (size_t i = begin; i < begin + kExact; ++i) {
      sum.significand += CutOff(Times(a.Element(i), b.Element(i)), sum.last);
    }
    const Term scales = Times(a.Scale(begin), b.Scale(begin));
    groups[count++] = {sum.significand * scales.significand, scales.exponent,
                       sum.last + scales.last};
  }
  return AlignAndAdd(absl::MakeSpan(groups).subspan(0, count), c, 35);
}

absl::Status CheckOperand(const char* name, const BlockOperand& operand) {
  const BlockRow& row = Row(operand.format);
  if (operand.format == BlockFormat::kMxInt8) {
    return absl::UnimplementedError(absl::StrCat(name, ": Blackwell multiplies no ", row.name));
  }
  const size_t block = static_cast<size_t>(row.block);
  if (operand.elements.size() % block == 0 &&
      operand.scales.size() == operand.elements.size() / block) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      name, ": has ", operand.elements.size(), " elements and ", operand.scales.size(), " scales; ",
      row.name, " has a scale each ", block, " elements, in whole blocks"));
}

absl::Status Check(const BlockOperand& a, const BlockOperand& b) {
  STRATA_RETURN_IF_ERROR(CheckOperand("a", a));
  STRATA_RETURN_IF_ERROR(CheckOperand("b", b));
  if (a.elements.size() != b.elements.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "b: has ", b.elements.size(), " elements; must have as many as a, ", a.elements.size()));
  }
  const bool nv = a.format == BlockFormat::kNvFp4 || b.format == BlockFormat::kNvFp4;
  if (!nv || a.format == b.format) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat("b: Blackwell multiplies nvfp4 by nvfp4 only, not ",
                                               Row(a.format).name, " by ", Row(b.format).name));
}

Part PartOf(const BlockOperand& operand, size_t begin, size_t count) {
  const BlockRow& row = Row(operand.format);
  const size_t block = static_cast<size_t>(row.block);
  count = std::min(count, operand.elements.size() - begin);
  return {row, operand.elements.subspan(begin, count),
          operand.scales.subspan(begin / block, count / block)};
}

}  // namespace

absl::StatusOr<uint32_t> BlockScaledDot(const BlockOperand& a, const BlockOperand& b, uint32_t c) {
  STRATA_RETURN_IF_ERROR(Check(a, b));
  const bool four_bits = Row(a.format).element == Format::kE2M1 && a.format == b.format;
  const size_t step = four_bits ? 64 : 32;
  for (size_t begin = 0; begin < a.elements.size(); begin += step) {
    const Part x = PartOf(a, begin, step), y = PartOf(b, begin, step);
    const double special = Special(x, y, c);
    if (special != 0) {
      c = std::isnan(special) ? kNan : Encode(Format::kF32, special);
      continue;
    }
    c = four_bits ? FourBitInstruction(x, y, c) : EightBitInstruction(x, y, c);
  }
  return c;
}

}  // namespace strata::chips
