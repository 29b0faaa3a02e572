// The rules are held against their definition in integers of 512 bits: terms are cut off, added and
// rounded there bit by bit, without a word of the code under test. Results of real chips are in
// vector_check_test.cc.
#include "chips/numerics/tensor_core.h"

#include <bit>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "chips/numerics/exact_integer.h"
#include "gtest/gtest.h"

namespace strata::chips {
namespace {

using ::testing::HasSubstr;
using Codes = std::vector<uint32_t>;

constexpr int kUnit = -230;  // of the oracle: 1 is 2^-230

// A sign and a magnitude.
struct Signed {
  bool negative = false;
  ExactInteger magnitude;

  Signed Plus(const Signed& other) const {
    if (negative == other.negative) return {negative, magnitude + other.magnitude};
    if (magnitude < other.magnitude) return {other.negative, other.magnitude - magnitude};
    return {negative, magnitude - other.magnitude};
  }
  // Multiple of 2^exponent, toward zero or downward.
  Signed CutOff(int exponent, bool downward) const {
    const int bits = exponent - kUnit;
    if (bits <= 0) return *this;
    const ExactInteger cut = magnitude.Shifted(-bits).Shifted(bits);
    const bool step = downward && negative && !(cut == magnitude);
    return {negative, step ? cut + ExactInteger(1).Shifted(bits) : cut};
  }
};

Signed ToSigned(double value) {
  return {std::signbit(value), ExactInteger::FromDouble(value, kUnit)};
}

// Exponent of the leading bit, but no less than the least of the format's normal numbers.
int ExponentOf(double value, int least) {
  return value == 0 ? -126 : std::max(std::ilogb(value), least);
}

int LeastExponent(Format format) {
  switch (format) {
    case Format::kF16:
    case Format::kE5M2:
      return -14;
    case Format::kE4M3:
      return -6;
    case Format::kE4M3Fnuz:
      return -7;
    case Format::kE5M2Fnuz:
      return -15;
    default:
      return -126;
  }
}

// `bits` fractional bits of what stands before them, but no finer than 2^(least - bits).
double Round(const Signed& x, int bits, int least, bool nearest) {
  const int top = x.magnitude.Top();
  if (top < 0) return 0;
  const int last = std::max(top + kUnit, least) - bits;
  Signed down = x.CutOff(last, false);
  if (nearest) {
    const Signed step{false, ExactInteger(1).Shifted(last - kUnit)};
    const ExactInteger rest = x.magnitude - down.magnitude;
    const ExactInteger other = step.magnitude - rest;
    const bool odd = down.magnitude.Bit(last - kUnit);
    if (other < rest || (other == rest && odd)) down.magnitude = down.magnitude + step.magnitude;
  }
  const uint64_t significand = down.magnitude.Shifted(kUnit - last).low();
  const double value = std::ldexp(static_cast<double>(significand), last);
  return x.negative ? -value : value;
}

double DefinitionOfGroup(const DotRule& rule, const Codes& a, const Codes& b, size_t begin,
                         double c) {
  const int least = LeastExponent(rule.operand);
  const bool late = rule.algorithm == DotAlgorithm::kLateAccumulator;
  const int c_exponent = ExponentOf(c, LeastExponent(rule.result));
  int largest = late ? -999 : std::max(-126, c_exponent);
  std::vector<double> products;
  for (size_t i = begin; i < std::min(a.size(), begin + static_cast<size_t>(rule.group)); ++i) {
    const double x = Decode(rule.operand, a[i]), y = Decode(rule.operand, b[i]);
    products.push_back(x * y);
    if (x * y == 0) continue;
    largest = std::max(largest, ExponentOf(x, least) + ExponentOf(y, least));
  }
  Signed sum;
  for (const double product : products) {
    sum = sum.Plus(ToSigned(product).CutOff(largest - rule.alignment_bits, false));
  }
  if (late) {
    const int both = std::max(largest, c_exponent);
    sum = sum.CutOff(both - 31, true).Plus(ToSigned(c).CutOff(both - 24, true));
    return Round(sum, 23, -126, true);
  }
  sum = sum.Plus(ToSigned(c).CutOff(largest - rule.alignment_bits, false));
  return rule.result == Format::kF16 ? Round(sum, 10, -14, true)
                                     : Round(sum, rule.kept_bits, -126, false);
}

// One half of CDNA3's fp8 group: the products of every second k, each cut off at the largest's 24th bit.
struct Half {
  Signed sum;
  int largest = -999;
};

Half DefinitionOfHalf(const DotRule& rule, const Codes& a, const Codes& b, size_t begin,
                      size_t end) {
  const int least = LeastExponent(rule.operand);
  Half half;
  for (const bool add : {false, true}) {
    for (size_t i = begin; i < end; i += 2) {
      const double x = Decode(rule.operand, a[i]), y = Decode(rule.operand, b[i]);
      if (x * y == 0) continue;
      half.largest = std::max(half.largest, ExponentOf(x, least) + ExponentOf(y, least));
      if (add) half.sum = half.sum.Plus(ToSigned(x * y).CutOff(half.largest - 24, false));
    }
  }
  return half;
}

double DefinitionOfInterleaved(const DotRule& rule, const Codes& a, const Codes& b, size_t begin,
                               double c) {
  const size_t end = std::min(a.size(), begin + static_cast<size_t>(rule.group));
  const Half even = DefinitionOfHalf(rule, a, b, begin, end);
  const Half odd = DefinitionOfHalf(rule, a, b, begin + 1, end);
  const int products = std::max(even.largest, odd.largest), c_exponent = ExponentOf(c, -126);
  const int both = std::max(products, c_exponent);
  Signed sum = even.sum.CutOff(products - 24, true).Plus(odd.sum.CutOff(products - 24, true));
  sum = sum.CutOff(both - 31, true);
  if (c_exponent >= both - 25) sum = sum.Plus(ToSigned(c).CutOff(both - 24, true));
  return Round(sum, 23, -126, true);
}

double DefinitionOfExact(const DotRule& rule, const Codes& a, const Codes& b, size_t begin,
                         double c) {
  Signed sum = ToSigned(c);
  for (size_t i = begin; i < std::min(a.size(), begin + static_cast<size_t>(rule.group)); ++i) {
    sum = sum.Plus(ToSigned(Decode(rule.operand, a[i]) * Decode(rule.operand, b[i])));
  }
  return Round(sum, 23, -126, true);
}

// Subnormals are zeros.
double Flushed(double value, int least) {
  return std::fabs(value) < std::ldexp(1.0, least) ? 0 : value;
}
double RoundedAndFlushed(const Signed& x) { return Flushed(Round(x, 23, -126, true), -126); }

double DefinitionOfPairwise(const DotRule& rule, const Codes& a, const Codes& b, size_t begin,
                            double c) {
  const int least = LeastExponent(rule.operand);
  double p[4] = {};
  for (size_t i = begin; i < std::min(a.size(), begin + 4); ++i) {
    p[i - begin] = RoundedAndFlushed(ToSigned(Flushed(Decode(rule.operand, a[i]), least) *
                                              Flushed(Decode(rule.operand, b[i]), least)));
  }
  const auto add = [](double x, double y) {
    return RoundedAndFlushed(ToSigned(x).Plus(ToSigned(y)));
  };
  return add(Flushed(c, -126), add(add(p[0], p[1]), add(p[2], p[3])));
}

double Definition(const DotRule& rule, const Codes& a, const Codes& b, double c) {
  for (size_t i = 0; i < a.size(); i += static_cast<size_t>(rule.group)) {
    c = (rule.algorithm == DotAlgorithm::kLateInterleaved ? DefinitionOfInterleaved
         : rule.algorithm == DotAlgorithm::kExact         ? DefinitionOfExact
         : rule.algorithm == DotAlgorithm::kPairwise      ? DefinitionOfPairwise
                                                          : DefinitionOfGroup)(rule, a, b, i, c);
    if (rule.result == Format::kF16 && std::fabs(c) > 65504) return std::copysign(HUGE_VAL, c);
  }
  return c;
}

class TensorCoreTest : public testing::TestWithParam<DotRule> {
 protected:
  // Finite codes; exponents near 1, so that terms meet, with zeros, subnormals and far ones among them.
  uint32_t RandomOperand(Format format, int spread) {
    const uint64_t kind = random_() % 16;
    if (kind == 0) return 0;
    if (kind == 1) return 1 + static_cast<uint32_t>(random_() % 3);  // the smallest subnormals
    const int exponent = static_cast<int>(random_() % static_cast<uint64_t>(2 * spread)) - spread;
    const double significand = 1 + static_cast<double>(random_() % 4096) / 4096;
    const double value = std::ldexp(random_() % 2 == 0 ? significand : -significand, exponent);
    return Encode(format, value, {.overflow = Overflow::kSaturate});
  }

  void ExpectDefinition(const DotRule& rule, size_t length, int spread) {
    Codes a, b;
    for (size_t i = 0; i < length; ++i) {
      a.push_back(RandomOperand(rule.operand, spread));
      b.push_back(RandomOperand(rule.operand, spread));
    }
    // bf16's and tf32's smallest products are below the oracle's unit.
    if (LeastExponent(rule.operand) == -126) {
      for (uint32_t& code : a) code = code != 0 && code < 4 ? 0x400 : code;
    }
    const uint32_t c = RandomOperand(rule.result, 2 * spread);
    const uint32_t d = TensorCoreDot(rule, a, b, c);
    const double expected = Definition(rule, a, b, Decode(rule.result, c));
    const double actual = Decode(rule.result, d);
    if (actual == expected) return;
    EXPECT_EQ(actual, expected) << std::hexfloat << DescribeDotRule(rule) << " length " << length
                                << " spread " << spread << " c " << Decode(rule.result, c);
  }

  std::mt19937_64 random_{4};
};

TEST_P(TensorCoreTest, IsItsDefinitionForEveryLength) {
  const DotRule& rule = GetParam();
  if (rule.algorithm == DotAlgorithm::kThroughF16) return;  // the next test
  const size_t group = static_cast<size_t>(rule.group);
  for (const size_t length :
       {size_t{0}, size_t{1}, size_t{3}, group - 1, group, group + 1, 2 * group, 2 * group + 3}) {
    for (const int spread : {1, 3, 6, 14}) {
      for (int i = 0; i < 30; ++i) ExpectDefinition(rule, length, spread);
    }
  }
}

// Two fp16 dots of fp8 operands, from zero, then C to nearest.
TEST_P(TensorCoreTest, ThroughFp16IsTwoDotsAndASum) {
  const DotRule& rule = GetParam();
  if (rule.algorithm != DotAlgorithm::kThroughF16) return;
  DotRule half = rule;
  half.operand = Format::kF16;
  half.algorithm = DotAlgorithm::kFused;
  for (int round = 0; round < 200; ++round) {
    Codes a, b, first_a, first_b, second_a, second_b;
    for (size_t i = 0; i < 32; ++i) {
      a.push_back(RandomOperand(rule.operand, 4));
      b.push_back(RandomOperand(rule.operand, 4));
      Codes& x = i % 4 < 2 ? first_a : second_a;
      Codes& y = i % 4 < 2 ? first_b : second_b;
      x.push_back(Encode(Format::kF16, Decode(rule.operand, a[i])));
      y.push_back(Encode(Format::kF16, Decode(rule.operand, b[i])));
    }
    const uint32_t c = RandomOperand(rule.result, 4);
    const double first = Definition(half, first_a, first_b, 0);
    const double dot = Definition(half, second_a, second_b, first);
    const Signed sum = ToSigned(dot).Plus(ToSigned(Decode(rule.result, c)));
    const double expected =
        rule.result == Format::kF16 ? Round(sum, 10, -14, true) : Round(sum, 23, -126, true);
    EXPECT_EQ(Decode(rule.result, TensorCoreDot(rule, a, b, c)), expected);
  }
}

TEST_P(TensorCoreTest, NansAndInfinitiesGoThrough) {
  const DotRule& rule = GetParam();
  const uint32_t one = Encode(rule.operand, 1.0);
  const uint32_t nan = rule.result == Format::kF16 ? 0x7fffu : 0x7fffffffu;
  const uint32_t infinity = Row(rule.result).OverflowCode();
  const uint32_t operand_nan = Encode(rule.operand, std::nan(""));
  EXPECT_EQ(TensorCoreDot(rule, Codes{one, operand_nan}, Codes{one, one}, 0), nan);
  EXPECT_EQ(TensorCoreDot(rule, Codes{one}, Codes{one}, infinity), infinity);
  EXPECT_EQ(TensorCoreDot(rule, Codes{one}, Codes{one}, infinity + 1), nan);  // C is NaN
  if (!Row(rule.operand).HasInfinity()) return;
  const uint32_t huge = Row(rule.operand).OverflowCode(), sign = Row(rule.operand).SignMask();
  EXPECT_EQ(TensorCoreDot(rule, Codes{huge}, Codes{one}, 0), infinity);
  EXPECT_EQ(TensorCoreDot(rule, Codes{huge}, Codes{0}, 0), nan);
  EXPECT_EQ(TensorCoreDot(rule, Codes{huge, huge | sign}, Codes{one, one}, 0), nan);
  EXPECT_EQ(TensorCoreDot(rule, Codes{huge}, Codes{one}, infinity | Row(rule.result).SignMask()),
            nan);
}

TEST_P(TensorCoreTest, ZeroSumsArePlusZero) {
  const DotRule& rule = GetParam();
  const uint32_t one = Encode(rule.operand, 1.0), minus = Encode(rule.operand, -1.0);
  EXPECT_EQ(TensorCoreDot(rule, Codes{one, one}, Codes{one, minus}, 0), 0u);
  EXPECT_EQ(TensorCoreDot(rule, Codes{}, Codes{}, 0), 0u);
}

INSTANTIATE_TEST_SUITE_P(Rules, TensorCoreTest,
                         testing::ValuesIn(AllDotRules().begin(), AllDotRules().end()),
                         [](const auto& info) {
                           const DotRule& rule = info.param;
                           return absl::StrCat(
                               GenerationName(rule.generation), "_", Row(rule.operand).name, "_",
                               Row(rule.result).name,
                               rule.instruction == Instruction::kMmaSync ? "_mma" : "");
                         });

DotRule Rule(const char* chip, Format operand) {
  return FindDotRule(ParseChip(chip).value(), operand).value();
}

// What 1 - 2^-f is after it met 2^24 shows how far each generation aligns.
TEST(TensorCore, AlignmentIsSeenInASum) {
  const auto kept = [](const char* chip) {
    // 2^12 * 2^12 - 2^12 * 2^12 + 2^-n: the small term survives while n <= F - 24.
    int n = -24;
    for (; n <= 8; ++n) {
      const double small = std::ldexp(1.0, -n / 2), rest = std::ldexp(1.0, -n - -n / 2);
      const Codes a{Encode(Format::kF16, 4096), Encode(Format::kF16, -4096),
                    Encode(Format::kF16, small)};
      const Codes b{Encode(Format::kF16, 4096), Encode(Format::kF16, 4096),
                    Encode(Format::kF16, rest)};
      if (TensorCoreDot(Rule(chip, Format::kF16), a, b, 0) == 0) break;
    }
    return n - 1 + 24;
  };
  EXPECT_EQ(kept("v100"), 23);
  EXPECT_EQ(kept("t4"), 24);
  EXPECT_EQ(kept("a100"), 24);
  EXPECT_EQ(kept("l40s"), 24);
  EXPECT_EQ(kept("h100"), 25);
  EXPECT_EQ(kept("b200"), 25);
}

TEST(TensorCore, CutOffResultsGoToInfinityBeyondTheLargest) {
  const uint32_t large = Encode(Format::kBf16, 0x1p100);
  const DotRule rule = Rule("h100", Format::kBf16);
  EXPECT_EQ(TensorCoreDot(rule, Codes{large}, Codes{large}, 0), 0x7f800000u);
  EXPECT_EQ(TensorCoreDot(rule, Codes{large}, Codes{large | 0x8000}, 0), 0xff800000u);
}

TEST(TensorCore, HoppersFp8KeepsThirteenBits) {
  const uint32_t one = Encode(Format::kE4M3, 1.0);
  const uint32_t c = std::bit_cast<uint32_t>(1.0f + 0x1p-13f + 0x1p-14f);
  EXPECT_EQ(TensorCoreDot(Rule("h100", Format::kE4M3), Codes{one}, Codes{0}, c),
            std::bit_cast<uint32_t>(1.0f + 0x1p-13f));
}

TEST(TensorCore, AmdsGenerationsDifferInOneSum) {
  // 2^24 + 1 + 1 - 2^24: exact in the group; of the pair 2^24 + 1 the 1 is lost.
  const Codes a{Encode(Format::kF16, 4096), Encode(Format::kF16, 1), Encode(Format::kF16, 1),
                Encode(Format::kF16, -4096)};
  const Codes b{Encode(Format::kF16, 4096), Encode(Format::kF16, 1), Encode(Format::kF16, 1),
                Encode(Format::kF16, 4096)};
  const auto dot = [&](const char* chip) {
    return Decode(Format::kF32, TensorCoreDot(Rule(chip, Format::kF16), a, b, 0));
  };
  EXPECT_EQ(dot("mi100"), 2);
  EXPECT_EQ(dot("mi200"), 1);
  EXPECT_EQ(dot("mi300"), 2);
}

TEST(TensorCore, Cdna2FlushesSubnormals) {
  const Codes tiny{1}, one{Encode(Format::kF16, 1)};
  EXPECT_EQ(TensorCoreDot(Rule("mi250x", Format::kF16), tiny, one, 0), 0u);
  EXPECT_EQ(Decode(Format::kF32, TensorCoreDot(Rule("mi100", Format::kF16), tiny, one, 0)),
            0x1p-24);
}

TEST(TensorCore, ChipsAreKnownByNameAndGeneration) {
  for (const char* name : {"A2",
                           "ada",
                           "L40S",
                           "h200",
                           "GH200",
                           "b200",
                           "a30",
                           "rtx4090",
                           "mi300x",
                           "T4",
                           "A10",
                           "A800",
                           "RTX 3090",
                           "NVIDIA A100-SXM4-80GB",
                           "NVIDIA GeForce RTX 4090",
                           "NVIDIA H100 80GB HBM3",
                           "H100 PCIe",
                           "h20",
                           "L4",
                           "GB200",
                           "RTX_5090",
                           "RTX PRO 6000",
                           "NVIDIA RTX 6000 Ada Generation",
                           "MI100",
                           "AMD Instinct MI250X",
                           "Tesla V100-SXM2-16GB"}) {
    EXPECT_TRUE(ParseChip(name).ok()) << name;
  }
  EXPECT_EQ(ParseChip("RTX 5090").value(), Generation::kRtxBlackwell);
  EXPECT_EQ(ParseChip("rtx-3090").value(), Generation::kAmpere);
  EXPECT_EQ(ParseChip("gh200").value(), Generation::kHopper);
  EXPECT_EQ(ParseChip("ampere").value(), Generation::kAmpere);
  EXPECT_THAT(ParseChip("k80"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("volta, v100")));
  EXPECT_THAT(FindDotRule(Generation::kAmpere, Format::kE4M3),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("ampere multiplies no e4m3 to f32; it has: f16 to f32")));
}

}  // namespace
}  // namespace strata::chips
