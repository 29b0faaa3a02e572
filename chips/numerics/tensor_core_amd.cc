// AMD's rules: MI100, MI200 and MI300, each with its own.
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "chips/numerics/tensor_core_terms.h"

namespace strata::chips {
namespace {

constexpr int kSumBits = 31;      // CDNA3: fractional bits of the products' sum when C joins it
constexpr int kNoProduct = -999;  // exponent of a sum without products

// A sum that is a multiple of 2^(exponent - bits).
struct Partial {
  int64_t sum = 0;
  int exponent = kNoProduct;
};

Partial Align(const Products& products, int bits) {
  const int largest = LargestExponent(products, kNoProduct);
  return {AlignedSum(products, largest, bits), largest};
}

// The products' sum and C, the first floored to kSumBits below the larger of their exponents, C to `bits`.
uint32_t JoinC(const DotRule& rule, const Partial& products, const Operand& c, int bits,
               int c_reach) {
  const int c_bits = Row(rule.result).mantissa_bits;
  const int largest = std::max(products.exponent, c.exponent);
  const int last = largest - kSumBits, c_last = largest - bits;
  const int64_t products_part = FloorShift(products.sum, last - (products.exponent - bits));
  const bool far = c.exponent < largest - c_reach;
  const int64_t c_part = far ? 0 : FloorShift(c.significand, c_last - (c.exponent - c_bits));
  return RoundSum(rule, products_part + c_part * (int64_t{1} << (kSumBits - bits)), last,
                  Rounding::kNearestEven);
}

uint32_t LateGroup(const DotRule& rule, const Products& products, const Operand& c) {
  for (size_t i = 0; i < products.count; ++i) {  // a product beyond fp32 is infinity
    const Operand& term = products.terms[i];
    const uint64_t magnitude = static_cast<uint64_t>(std::abs(term.significand));
    if (static_cast<int>(std::bit_width(magnitude)) + term.exponent - products.unit > 128) {
      return Row(Format::kF32).OverflowCode() | (term.significand < 0 ? 0x80000000u : 0);
    }
  }
  constexpr int kAnywhere = std::numeric_limits<int>::max() / 2;
  return JoinC(rule, Align(products, rule.alignment_bits), c, rule.alignment_bits, kAnywhere);
}

// The products of even and of odd k are aligned apart; then the two sums with one another, floored, then with C.
uint32_t InterleavedGroup(const DotRule& rule, absl::Span<const uint32_t> a,
                          absl::Span<const uint32_t> b, const Operand& c) {
  const int bits = rule.alignment_bits;
  const Layout layout(Row(rule.operand));
  Partial halves[2];
  for (size_t half = 0; half < 2; ++half) {
    std::vector<uint32_t> x, y;
    for (size_t i = half; i < a.size(); i += 2) {
      x.push_back(a[i]);
      y.push_back(b[i]);
    }
    Products products;
    Multiply(layout, x, y, products);
    halves[half] = Align(products, bits);
  }
  Partial both{0, std::max(halves[0].exponent, halves[1].exponent)};
  for (const Partial& half : halves)
    both.sum += FloorShift(half.sum, both.exponent - half.exponent);
  return JoinC(rule, both, c, bits, bits + 1);
}

// The exact sum of doubles as an fp32 word, to nearest even. Partial sums are kept that do not overlap (Shewchuk 1997,
// "Adaptive Precision Floating-Point Arithmetic"); the last rounding to double is to odd, so that the one to fp32 is
// right (Boldo and Melquiond 2008).
uint32_t RoundExactSum(const std::vector<double>& terms) {
  std::vector<double> partials;  // increasing in magnitude
  for (double x : terms) {
    size_t kept = 0;
    for (double y : partials) {
      if (std::fabs(x) < std::fabs(y)) std::swap(x, y);
      const double high = x + y, low = y - (high - x);
      if (low != 0) partials[kept++] = low;
      x = high;
    }
    partials.resize(kept);
    if (x != 0) partials.push_back(x);
  }
  if (partials.empty()) return 0;
  double sum = partials.back();
  const double rest = partials.size() > 1 ? partials[partials.size() - 2] : 0;
  if (rest != 0 && (std::bit_cast<uint64_t>(sum) & 1) == 0) {
    sum = std::nextafter(sum, std::copysign(HUGE_VAL, rest));
  }
  return Encode(Format::kF32, sum);
}

uint32_t ExactGroup(const DotRule& rule, absl::Span<const uint32_t> a, absl::Span<const uint32_t> b,
                    uint32_t c) {
  std::vector<double> terms = {Decode(rule.result, c)};
  for (size_t i = 0; i < a.size(); ++i) {
    terms.push_back(Decode(rule.operand, a[i]) * Decode(rule.operand, b[i]));
  }
  return RoundExactSum(terms);
}

// A subnormal operand is +0; a subnormal result is a zero of its sign.
double FlushOperand(Format format, uint32_t code) {
  const double value = Decode(format, code);
  return std::fabs(value) < std::ldexp(1.0, Row(format).min_exponent()) ? 0 : value;
}
float FlushResult(double exact) {
  const float rounded = static_cast<float>(exact);
  return std::fabs(rounded) < 0x1p-126f ? std::copysign(0.0f, rounded) : rounded;
}

uint32_t PairwiseGroup(const DotRule& rule, absl::Span<const uint32_t> a,
                       absl::Span<const uint32_t> b, uint32_t c) {
  std::vector<float> sums(static_cast<size_t>(rule.group), 0.0f);
  for (size_t i = 0; i < a.size(); ++i) {
    sums[i] = FlushResult(FlushOperand(rule.operand, a[i]) * FlushOperand(rule.operand, b[i]));
  }
  for (size_t step = 1; step < sums.size(); step *= 2) {
    for (size_t i = 0; i < sums.size(); i += 2 * step) {
      sums[i] = FlushResult(static_cast<double>(sums[i]) + static_cast<double>(sums[i + step]));
    }
  }
  const float sum = FlushResult(FlushOperand(rule.result, c) + static_cast<double>(sums[0]));
  if (std::isnan(sum)) return 0x7fffffffu;  // infinities of both signs on the way
  return sum == 0 ? 0 : Encode(Format::kF32, sum);
}

}  // namespace

uint32_t AmdGroup(const DotRule& rule, absl::Span<const uint32_t> a, absl::Span<const uint32_t> b,
                  const Products& products, uint32_t c) {
  const Layout results(Row(rule.result));
  switch (rule.algorithm) {
    case DotAlgorithm::kExact:
      return ExactGroup(rule, a, b, c);
    case DotAlgorithm::kPairwise:
      return PairwiseGroup(rule, a, b, c);
    case DotAlgorithm::kLateInterleaved:
      return InterleavedGroup(rule, a, b, results.Unpack(c));
    default:
      return LateGroup(rule, products, results.Unpack(c));
  }
}

}  // namespace strata::chips
