#include "chips/numerics/tensor_core.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <vector>

namespace strata::chips {
namespace {

constexpr int kZeroExponent = -126;  // zeros do not raise the largest exponent above fp32's least

// A finite number is significand * 2^(exponent - mantissa bits of its format).
struct Operand {
  int64_t significand = 0;
  int exponent = kZeroExponent;
};

Operand Unpack(const FormatRow& row, uint32_t code) {
  const uint32_t magnitude = code & (row.SignMask() - 1);
  if (magnitude == 0) return {};
  const int field = static_cast<int>(magnitude >> row.mantissa_bits);
  const int64_t hidden = field == 0 ? 0 : int64_t{1} << row.mantissa_bits;
  const int64_t significand = hidden + (magnitude & ((1u << row.mantissa_bits) - 1));
  return {(code & row.SignMask()) != 0 ? -significand : significand, std::max(field, 1) - row.bias};
}

// value / 2^shift, cut off toward zero.
int64_t TruncateShift(int64_t value, int shift) {
  if (shift <= 0) return value * (int64_t{1} << -shift);
  if (shift > 62) return 0;
  return value / (int64_t{1} << shift);
}

// value / 2^shift, cut off downward.
int64_t FloorShift(int64_t value, int shift) {
  if (shift <= 0) return value * (int64_t{1} << -shift);
  return value >> std::min(shift, 63);
}

uint32_t CanonicalNan(Format result) { return result == Format::kF16 ? 0x7fffu : 0x7fffffffu; }

// The sum in doubles: NaN and infinity as IEEE has them. Finite products of narrow operands stay finite.
double RoughSum(const DotRule& rule, absl::Span<const uint32_t> a, absl::Span<const uint32_t> b,
                uint32_t c) {
  double sum = Decode(rule.result, c);
  for (size_t i = 0; i < a.size(); ++i) {
    sum += Decode(rule.operand, a[i]) * Decode(rule.operand, b[i]);
  }
  return sum;
}

bool IsFiniteCode(Format format, uint32_t code) {
  return !IsNanCode(format, code) && !IsInfinityCode(format, code);
}

bool AllFinite(const DotRule& rule, absl::Span<const uint32_t> a, absl::Span<const uint32_t> b,
               uint32_t c) {
  if (!IsFiniteCode(rule.result, c)) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!IsFiniteCode(rule.operand, a[i]) || !IsFiniteCode(rule.operand, b[i])) return false;
  }
  return true;
}

uint32_t SpecialResult(Format result, double sum) {
  return std::isnan(sum) ? CanonicalNan(result) : Encode(result, sum);
}

// sum * 2^exponent in the format of the result.
uint32_t RoundSum(const DotRule& rule, int64_t sum, int exponent, Rounding rounding) {
  if (sum == 0) return 0;
  const bool negative = sum < 0;
  const uint64_t magnitude = static_cast<uint64_t>(std::abs(sum));
  if (rule.result == Format::kF32 && static_cast<int>(std::bit_width(magnitude)) + exponent > 128) {
    return Row(Format::kF32).OverflowCode() | (negative ? 0x80000000u : 0);
  }
  const uint32_t code =
      EncodeExact(rule.result, negative, magnitude, exponent, {.rounding = rounding});
  if (rule.result == Format::kF16) return code;
  return code & ~((1u << (23 - rule.kept_bits)) - 1);
}

// The products of one group, unpacked once: their significands and exponents.
struct Products {
  std::vector<Operand> terms;
  int unit = 0;  // a term is significand * 2^(exponent - unit)
};

void Multiply(const DotRule& rule, absl::Span<const uint32_t> a, absl::Span<const uint32_t> b,
              Products& products) {
  const FormatRow& row = Row(rule.operand);
  products.unit = 2 * row.mantissa_bits;
  products.terms.clear();
  for (size_t i = 0; i < a.size(); ++i) {
    const Operand x = Unpack(row, a[i]), y = Unpack(row, b[i]);
    if (x.significand == 0 || y.significand == 0) continue;
    products.terms.push_back({x.significand * y.significand, x.exponent + y.exponent});
  }
}

int LargestExponent(const Products& products, int at_least) {
  for (const Operand& term : products.terms) at_least = std::max(at_least, term.exponent);
  return at_least;
}

// The sum of the products, each cut off at 2^(largest - bits): a multiple of that.
int64_t AlignedSum(const Products& products, int largest, int bits) {
  int64_t sum = 0;
  for (const Operand& term : products.terms) {
    sum += TruncateShift(term.significand, (largest - bits) - (term.exponent - products.unit));
  }
  return sum;
}

uint32_t FusedGroup(const DotRule& rule, const Products& products, uint32_t c) {
  const Operand accumulator = Unpack(Row(rule.result), c);
  const int c_bits = Row(rule.result).mantissa_bits;
  const int largest = LargestExponent(products, std::max(accumulator.exponent, kZeroExponent));
  const int last = largest - rule.alignment_bits;
  const int64_t sum =
      AlignedSum(products, largest, rule.alignment_bits) +
      TruncateShift(accumulator.significand, last - (accumulator.exponent - c_bits));
  return RoundSum(rule, sum, last,
                  rule.result == Format::kF16 ? Rounding::kNearestEven : Rounding::kTowardZero);
}

// CDNA3: the products' sum is floored to 31 bits below the larger of its exponent and C's, C to 24.
uint32_t LateGroup(const DotRule& rule, const Products& products, uint32_t c) {
  constexpr int kSumBits = 31;
  const Operand accumulator = Unpack(Row(rule.result), c);
  const int product_largest = LargestExponent(products, -999);
  for (const Operand& term : products.terms) {  // a product beyond fp32 is infinity
    if (static_cast<int>(std::bit_width(static_cast<uint64_t>(std::abs(term.significand)))) +
            term.exponent - products.unit >
        128) {
      return Row(Format::kF32).OverflowCode() | (term.significand < 0 ? 0x80000000u : 0);
    }
  }
  const int largest = std::max(product_largest, accumulator.exponent);
  const int64_t sum = AlignedSum(products, product_largest, rule.alignment_bits);
  const int last = largest - kSumBits;
  const int64_t products_part = FloorShift(sum, last - (product_largest - rule.alignment_bits));
  const int c_last = largest - rule.alignment_bits;
  const int64_t c_part = FloorShift(accumulator.significand, c_last - (accumulator.exponent - 23));
  const int64_t total = products_part + c_part * (int64_t{1} << (kSumBits - rule.alignment_bits));
  return RoundSum(rule, total, last, Rounding::kNearestEven);
}

uint32_t Group(const DotRule& rule, absl::Span<const uint32_t> a, absl::Span<const uint32_t> b,
               uint32_t c, Products& scratch) {
  if (!AllFinite(rule, a, b, c)) return SpecialResult(rule.result, RoughSum(rule, a, b, c));
  Multiply(rule, a, b, scratch);
  return rule.algorithm == DotAlgorithm::kLateAccumulator ? LateGroup(rule, scratch, c)
                                                          : FusedGroup(rule, scratch, c);
}

uint32_t Chain(const DotRule& rule, absl::Span<const uint32_t> a, absl::Span<const uint32_t> b,
               uint32_t c) {
  Products scratch;
  const size_t group = static_cast<size_t>(rule.group);
  for (size_t i = 0; i < a.size(); i += group) {
    c = Group(rule, a.subspan(i, group), b.subspan(i, group), c, scratch);
  }
  return c;
}

// C + the dot of an instruction, rounded to nearest.
uint32_t AddToNearest(Format format, uint32_t x, uint32_t y) {
  if (format == Format::kF16) {
    const double sum = Decode(format, x) + Decode(format, y);  // exact
    return std::isnan(sum) ? CanonicalNan(format) : Encode(format, sum);
  }
  const float sum = std::bit_cast<float>(x) + std::bit_cast<float>(y);
  return std::isnan(sum) ? CanonicalNan(format) : std::bit_cast<uint32_t>(sum);
}

// mma.sync m16n8k32 of fp8 on a chip whose mma.sync has no fp8 unit. Each thread holds four neighbours of
// a row; the first two of each four make the first fp16 group, the last two the second.
uint32_t ThroughF16(const DotRule& rule, absl::Span<const uint32_t> a, absl::Span<const uint32_t> b,
                    uint32_t c) {
  constexpr size_t kInstruction = 32;
  DotRule half = rule;
  half.operand = Format::kF16;
  half.algorithm = DotAlgorithm::kFused;
  const auto to_half = [&](uint32_t code) {
    return Encode(half.operand, Decode(rule.operand, code));
  };
  for (size_t begin = 0; begin < a.size(); begin += kInstruction) {
    uint32_t dot = 0;
    for (const size_t pair : {size_t{0}, size_t{2}}) {
      std::vector<uint32_t> x, y;
      for (size_t i = begin; i < std::min(begin + kInstruction, a.size()); ++i) {
        if ((i - begin) % 4 / 2 != pair / 2) continue;
        x.push_back(to_half(a[i]));
        y.push_back(to_half(b[i]));
      }
      dot = Chain(half, x, y, dot);
    }
    c = AddToNearest(rule.result, c, dot);
  }
  return c;
}

}  // namespace

uint32_t TensorCoreDot(const DotRule& rule, absl::Span<const uint32_t> a,
                       absl::Span<const uint32_t> b, uint32_t c) {
  if (rule.algorithm == DotAlgorithm::kThroughF16) return ThroughF16(rule, a, b, c);
  return Chain(rule, a, b, c);
}

}  // namespace strata::chips
