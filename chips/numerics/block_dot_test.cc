// Held against the rule in integers of 512 bits, in values: what an element, a scale and a sum are worth, and
// at which power of two they are cut off.
#include "chips/numerics/block_dot.h"

#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include "base/status_matchers.h"
#include "chips/numerics/exact_integer.h"
#include "chips/numerics/tensor_core.h"
#include "gtest/gtest.h"

namespace strata::chips {
namespace {

using ::testing::HasSubstr;

constexpr int kUnit = -200;

struct Operand {
  BlockFormat format;
  std::vector<uint8_t> elements, scales;

  BlockOperand view() const { return {format, elements, scales}; }
  double Element(size_t i) const { return Decode(Row(format).element, elements[i]); }
  double Scale(size_t i) const {
    return std::fabs(Decode(Row(format).scale, scales[i / static_cast<size_t>(Row(format).block)]));
  }
};

// Toward zero to a multiple of 2^exponent.
double CutOff(double value, int exponent) {
  const ExactInteger exact = ExactInteger::FromDouble(value, kUnit);
  const int bits = exponent - kUnit;
  const ExactInteger cut = exact.Shifted(-bits);
  EXPECT_LT(cut.Top(), 53);
  return std::copysign(std::ldexp(static_cast<double>(cut.low()), exponent), value);
}

// The sum of numbers of no more than about 50 bits between them, cut off to fp32.
double AddAndCutOff(const std::vector<double>& terms) {
  ExactInteger plus, minus;
  for (const double term : terms) {
    ExactInteger& side = term < 0 ? minus : plus;
    side = side + ExactInteger::FromDouble(term, kUnit);
  }
  const bool negative = plus < minus;
  const ExactInteger sum = negative ? minus - plus : plus - minus;
  if (sum.Top() < 0) return 0;
  const int last = std::max(sum.Top() - 23, -149 - kUnit);
  const double value = std::ldexp(static_cast<double>(sum.Shifted(-last).low()), last + kUnit);
  return negative ? -value : value;
}

int ExponentOf(double value, int least) { return std::max(std::ilogb(value), least); }

int LeastOf(Format format) { return Row(format).min_exponent(); }

double EightBits(const Operand& a, const Operand& b, size_t begin, double c) {
  int largest = c == 0 ? -126 : ExponentOf(c, -126);
  std::vector<double> terms;
  for (size_t i = begin; i < begin + 32; ++i) {
    const double x = a.Element(i), y = b.Element(i), scale = a.Scale(i) * b.Scale(i);
    terms.push_back(x * y * scale);
    if (x * y == 0) continue;
    largest =
        std::max(largest, ExponentOf(x, LeastOf(Row(a.format).element)) +
                              ExponentOf(y, LeastOf(Row(b.format).element)) + std::ilogb(scale));
  }
  terms.push_back(c);
  for (double& term : terms) term = CutOff(term, largest - 25);
  return AddAndCutOff(terms);
}

double FourBits(const Operand& a, const Operand& b, size_t begin, double c) {
  int largest = c == 0 ? -126 : ExponentOf(c, -126);
  std::vector<double> terms;
  const int least = a.format == BlockFormat::kNvFp4 ? -6 : -127;
  for (size_t group = begin; group < std::min(begin + 64, a.elements.size()); group += 16) {
    double sum = 0;
    for (size_t i = group; i < group + 16; ++i) sum += a.Element(i) * b.Element(i);
    const double x = a.Scale(group), y = b.Scale(group);
    terms.push_back(sum * x * y);
    if (terms.back() == 0) continue;
    largest = std::max(largest, ExponentOf(x, least) + ExponentOf(y, least));
  }
  terms.push_back(c);
  for (double& term : terms) term = CutOff(term, largest - 35);
  return AddAndCutOff(terms);
}

class BlockDotTest : public testing::Test {
 protected:
  Operand RandomOperand(BlockFormat format, size_t count, int spread) {
    const BlockRow& row = Row(format);
    Operand operand{format, {}, {}};
    for (size_t i = 0; i < count; ++i) {
      uint32_t code;
      do {
        code = static_cast<uint32_t>(random_() % (1u << Row(row.element).bits()));
      } while (IsNanCode(row.element, code) || IsInfinityCode(row.element, code));
      operand.elements.push_back(static_cast<uint8_t>(code));
    }
    for (size_t i = 0; i < count; i += static_cast<size_t>(row.block)) {
      const uint64_t draw = random_();
      operand.scales.push_back(
          row.scale == Format::kE8M0
              ? static_cast<uint8_t>(127 - spread +
                                     static_cast<int>(draw % static_cast<uint64_t>(2 * spread + 1)))
              : static_cast<uint8_t>(draw % 8 == 0 ? draw % 4 : draw % 0x7f));
    }
    return operand;
  }

  double RandomC() {
    if (random_() % 4 == 0) return 0;
    const double value = std::ldexp(1 + static_cast<double>(random_() % (1 << 23)) * 0x1p-23,
                                    static_cast<int>(random_() % 40) - 20);
    return random_() % 2 == 0 ? value : -value;
  }

  double Dot(const Operand& a, const Operand& b, double c) {
    const auto d = BlockScaledDot(a.view(), b.view(), Encode(Format::kF32, c));
    EXPECT_OK(d.status());
    return std::bit_cast<float>(d.value_or(0));
  }

  std::mt19937_64 random_{11};
};

TEST_F(BlockDotTest, TheEightBitUnitIsItsRule) {
  const BlockFormat formats[] = {BlockFormat::kMxFp8E4M3, BlockFormat::kMxFp8E5M2,
                                 BlockFormat::kMxFp6E3M2, BlockFormat::kMxFp6E2M3,
                                 BlockFormat::kMxFp4};
  for (const BlockFormat x : formats) {
    for (const BlockFormat y : formats) {
      if (x == BlockFormat::kMxFp4 && y == x) continue;  // the 4-bit unit
      for (int i = 0; i < 40; ++i) {
        const Operand a = RandomOperand(x, 64, i % 8), b = RandomOperand(y, 64, i % 8);
        const double c = RandomC();
        EXPECT_EQ(Dot(a, b, c), EightBits(a, b, 32, EightBits(a, b, 0, c)))
            << Row(x).name << " by " << Row(y).name;
      }
    }
  }
}

TEST_F(BlockDotTest, TheFourBitUnitIsItsRule) {
  for (const BlockFormat format : {BlockFormat::kMxFp4, BlockFormat::kNvFp4}) {
    for (const size_t count : {size_t{32}, size_t{64}, size_t{96}, size_t{128}}) {
      for (int i = 0; i < 100; ++i) {
        const Operand a = RandomOperand(format, count, i % 8);
        const Operand b = RandomOperand(format, count, i % 8);
        double expected = RandomC();
        const double actual = Dot(a, b, expected);
        for (size_t k = 0; k < count; k += 64) expected = FourBits(a, b, k, expected);
        EXPECT_EQ(actual, expected) << Row(format).name << " " << count;
      }
    }
  }
}

// Scales of one make mxf8f6f4 the plain fp8 unit.
TEST_F(BlockDotTest, WithScalesOfOneItIsTheUnscaledUnit) {
  const DotRule rule = FindDotRule(Generation::kBlackwell, Format::kE4M3).value();
  for (int i = 0; i < 100; ++i) {
    const Operand a = RandomOperand(BlockFormat::kMxFp8E4M3, 96, 0);
    const Operand b = RandomOperand(BlockFormat::kMxFp8E4M3, 96, 0);
    const uint32_t c = Encode(Format::kF32, RandomC());
    const std::vector<uint32_t> x(a.elements.begin(), a.elements.end());
    const std::vector<uint32_t> y(b.elements.begin(), b.elements.end());
    STRATA_ASSERT_OK_AND_ASSIGN(const uint32_t d, BlockScaledDot(a.view(), b.view(), c));
    EXPECT_EQ(d, TensorCoreDot(rule, x, y, c));
  }
}

TEST_F(BlockDotTest, NansAndTheEndsOfTheRange) {
  Operand a = RandomOperand(BlockFormat::kNvFp4, 64, 0), b = a;
  a.scales[2] = 0x7f;
  STRATA_ASSERT_OK_AND_ASSIGN(const uint32_t nan, BlockScaledDot(a.view(), b.view(), 0));
  EXPECT_EQ(nan, 0x7fffffffu);
  a.scales[2] = 0x38;
  STRATA_ASSERT_OK_AND_ASSIGN(const uint32_t plain, BlockScaledDot(a.view(), b.view(), 0));
  a.scales[2] = 0xb8;  // a sign that is not looked at
  STRATA_ASSERT_OK_AND_ASSIGN(const uint32_t ignored, BlockScaledDot(a.view(), b.view(), 0));
  EXPECT_EQ(plain, ignored);
  Operand large{BlockFormat::kMxFp8E4M3, std::vector<uint8_t>(32, 0x7e), {254}};
  STRATA_ASSERT_OK_AND_ASSIGN(const uint32_t infinity,
                              BlockScaledDot(large.view(), large.view(), 0));
  EXPECT_EQ(infinity, 0x7f800000u);
  Operand small{BlockFormat::kMxFp8E4M3, std::vector<uint8_t>(32, 1), {0}};
  STRATA_ASSERT_OK_AND_ASSIGN(const uint32_t zero, BlockScaledDot(small.view(), small.view(), 0));
  EXPECT_EQ(zero, 0u);
}

TEST_F(BlockDotTest, WhatDoesNotFitIsNamed) {
  const Operand nv = RandomOperand(BlockFormat::kNvFp4, 32, 0);
  const Operand mx = RandomOperand(BlockFormat::kMxFp4, 32, 0);
  const Operand integers = RandomOperand(BlockFormat::kMxInt8, 32, 0);
  const Operand longer = RandomOperand(BlockFormat::kMxFp4, 64, 0);
  Operand short_one = mx;
  short_one.elements.pop_back();
  EXPECT_THAT(BlockScaledDot(nv.view(), mx.view(), 0),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("nvfp4 by nvfp4 only")));
  EXPECT_THAT(
      BlockScaledDot(mx.view(), integers.view(), 0),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("b: Blackwell multiplies no mxint8")));
  EXPECT_THAT(BlockScaledDot(short_one.view(), mx.view(), 0),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("a: has 31 elements and 1 scales; mxfp4 has a scale each 32")));
  EXPECT_THAT(BlockScaledDot(mx.view(), longer.view(), 0),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("b: has 64 elements")));
}

}  // namespace
}  // namespace strata::chips
