#include "chips/numerics/tensor_core.h"

#include <bit>
#include <cmath>
#include <vector>

#include "chips/numerics/tensor_core_terms.h"

namespace strata::chips {

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

int64_t AlignedSum(const Products& products, int largest, int bits) {
  int64_t sum = 0;
  for (size_t i = 0; i < products.count; ++i) {
    const Operand& term = products.terms[i];
    sum += TruncateShift(term.significand, (largest - bits) - (term.exponent - products.unit));
  }
  return sum;
}

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

namespace {

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

uint32_t FusedGroup(const DotRule& rule, const Products& products, const Operand& c, int c_bits) {
  const int largest = LargestExponent(products, std::max(c.exponent, kZeroExponent));
  const int last = largest - rule.alignment_bits;
  const int64_t sum = AlignedSum(products, largest, rule.alignment_bits) +
                      TruncateShift(c.significand, last - (c.exponent - c_bits));
  return RoundSum(rule, sum, last,
                  rule.result == Format::kF16 ? Rounding::kNearestEven : Rounding::kTowardZero);
}

uint32_t Chain(const DotRule& rule, absl::Span<const uint32_t> a, absl::Span<const uint32_t> b,
               uint32_t c) {
  const Layout operands(Row(rule.operand)), results(Row(rule.result));
  const bool fused = rule.algorithm == DotAlgorithm::kFused;
  const size_t step = static_cast<size_t>(rule.group);
  Products products;
  for (size_t i = 0; i < a.size(); i += step) {
    const absl::Span<const uint32_t> x = a.subspan(i, step), y = b.subspan(i, step);
    if (!results.IsFinite(c) || !Multiply(operands, x, y, products)) {
      c = SpecialResult(rule, x, y, c);
    } else {
      c = fused ? FusedGroup(rule, products, results.Unpack(c), results.mantissa_bits)
                : AmdGroup(rule, x, y, products, c);
    }
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
