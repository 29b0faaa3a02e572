#include "chips/numerics/tensor_core.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <vector>

namespace strata::chips {
namespace {

constexpr int kZeroExponent = -126;  // zeros do not raise the largest exponent above fp32's least
constexpr int kLargestGroup = 32;

// A finite number is significand * 2^(exponent - mantissa bits of its format).
struct Operand {
  int64_t significand = 0;
  int exponent = kZeroExponent;
};

// What is needed of a format's row to take its codes apart.
struct Layout {
  explicit Layout(const FormatRow& row)
      : mantissa_bits(row.mantissa_bits),
        bias(row.bias),
        sign(row.SignMask()),
        first_special(row.HasNan() ? row.OverflowCode() : row.SignMask()) {}

  bool IsFinite(uint32_t code) const { return (code & (sign - 1)) < first_special; }

  Operand Unpack(uint32_t code) const {
    const uint32_t magnitude = code & (sign - 1);
    if (magnitude == 0) return {};
    const int field = static_cast<int>(magnitude >> mantissa_bits);
    const int64_t hidden = field == 0 ? 0 : int64_t{1} << mantissa_bits;
    const int64_t significand = hidden + (magnitude & ((1u << mantissa_bits) - 1));
    return {(code & sign) != 0 ? -significand : significand, std::max(field, 1) - bias};
  }

  int mantissa_bits;
  int bias;
  uint32_t sign;
  uint32_t first_special;  // magnitudes from here on are infinity or NaN
};

// value / 2^shift, cut off toward zero.
int64_t TruncateShift(int64_t value, int shift) {
  if (shift <= 0) return value * (int64_t{1} << -shift);
  const int64_t cut = std::abs(value) >> std::min(shift, 63);
  return value < 0 ? -cut : cut;
}

// value / 2^shift, cut off downward.
int64_t FloorShift(int64_t value, int shift) {
  if (shift <= 0) return value * (int64_t{1} << -shift);
  return value >> std::min(shift, 63);
}

uint32_t CanonicalNan(Format result) { return result == Format::kF16 ? 0x7fffu : 0x7fffffffu; }

// Of operands that are not all finite: the sum in doubles, where NaN and infinity are as IEEE has them.
uint32_t SpecialResult(const DotRule& rule, absl::Span<const uint32_t> a,
                       absl::Span<const uint32_t> b, uint32_t c) {
  double sum = Decode(rule.result, c);
  for (size_t i = 0; i < a.size(); ++i) {
    sum += Decode(rule.operand, a[i]) * Decode(rule.operand, b[i]);
  }
  return std::isnan(sum) ? CanonicalNan(rule.result) : Encode(rule.result, sum);
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

// The products of one group that are not zero: significand * 2^(exponent - unit).
struct Products {
  std::array<Operand, kLargestGroup> terms;
  size_t count = 0;
  int unit = 0;
};

// False when an operand is not finite.
bool Multiply(const Layout& layout, absl::Span<const uint32_t> a, absl::Span<const uint32_t> b,
              Products& products) {
  products.unit = 2 * layout.mantissa_bits;
  products.count = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!layout.IsFinite(a[i]) || !layout.IsFinite(b[i])) return false;
    const Operand x = layout.Unpack(a[i]), y = layout.Unpack(b[i]);
    if (x.significand == 0 || y.significand == 0) continue;
    products.terms[products.count++] = {x.significand * y.significand, x.exponent + y.exponent};
  }
  return true;
}

int LargestExponent(const Products& products, int at_least) {
  for (size_t i = 0; i < products.count; ++i) {
    at_least = std::max(at_least, products.terms[i].exponent);
  }
  return at_least;
}

// The sum of the products, each cut off at 2^(largest - bits): a multiple of that.
int64_t AlignedSum(const Products& products, int largest, int bits) {
  int64_t sum = 0;
  for (size_t i = 0; i < products.count; ++i) {
    const Operand& term = products.terms[i];
    sum += TruncateShift(term.significand, (largest - bits) - (term.exponent - products.unit));
  }
  return sum;
}

uint32_t FusedGroup(const DotRule& rule, const Products& products, const Operand& c, int c_bits) {
  const int largest = LargestExponent(products, std::max(c.exponent, kZeroExponent));
  const int last = largest - rule.alignment_bits;
  const int64_t sum = AlignedSum(products, largest, rule.alignment_bits) +
                      TruncateShift(c.significand, last - (c.exponent - c_bits));
  return RoundSum(rule, sum, last,
                  rule.result == Format::kF16 ? Rounding::kNearestEven : Rounding::kTowardZero);
}

// CDNA3: the products' sum is floored to 31 bits below the larger of its exponent and C's, C to 24.
uint32_t LateGroup(const DotRule& rule, const Products& products, const Operand& c, int c_bits) {
  constexpr int kSumBits = 31, kNoProduct = -999;
  for (size_t i = 0; i < products.count; ++i) {  // a product beyond fp32 is infinity
    const Operand& term = products.terms[i];
    const uint64_t magnitude = static_cast<uint64_t>(std::abs(term.significand));
    if (static_cast<int>(std::bit_width(magnitude)) + term.exponent - products.unit > 128) {
      return Row(Format::kF32).OverflowCode() | (term.significand < 0 ? 0x80000000u : 0);
    }
  }
  const int product_largest = LargestExponent(products, kNoProduct);
  const int largest = std::max(product_largest, c.exponent);
  const int64_t sum = AlignedSum(products, product_largest, rule.alignment_bits);
  const int last = largest - kSumBits, c_last = largest - rule.alignment_bits;
  const int64_t products_part = FloorShift(sum, last - (product_largest - rule.alignment_bits));
  const int64_t c_part = FloorShift(c.significand, c_last - (c.exponent - c_bits));
  const int64_t total = products_part + c_part * (int64_t{1} << (kSumBits - rule.alignment_bits));
  return RoundSum(rule, total, last, Rounding::kNearestEven);
}

uint32_t Chain(const DotRule& rule, absl::Span<const uint32_t> a, absl::Span<const uint32_t> b,
               uint32_t c) {
  const Layout operands(Row(rule.operand)), results(Row(rule.result));
  const auto group = rule.algorithm == DotAlgorithm::kLateAccumulator ? LateGroup : FusedGroup;
  const size_t step = static_cast<size_t>(rule.group);
  Products products;
  for (size_t i = 0; i < a.size(); i += step) {
    const absl::Span<const uint32_t> x = a.subspan(i, step), y = b.subspan(i, step);
    c = results.IsFinite(c) && Multiply(operands, x, y, products)
            ? group(rule, products, results.Unpack(c), results.mantissa_bits)
            : SpecialResult(rule, x, y, c);
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
