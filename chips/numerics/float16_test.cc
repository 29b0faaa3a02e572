// Both formats are held against their definition in the standard's words: a code's value is computed
// with ldexp() in double, and rounding is a search for the nearest code, ties to the even one.
#include "chips/numerics/float16.h"

#include <algorithm>
#include <bit>
#include <cfenv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace strata::chips {
namespace {

struct Format {
  const char* name;
  int fraction_bits;
  int bias;
  float (*decode)(uint16_t);
  uint16_t (*encode)(float);

  uint16_t infinity() const {
    return static_cast<uint16_t>(0x7fff >> fraction_bits << fraction_bits);
  }
  bool IsNan(uint16_t code) const { return (code & 0x7fff) > infinity(); }

  // Value of a code without sign, below infinity's; infinity's own code gives the value that the next
  // exponent would have, which is what rounding has to aim at.
  double Magnitude(uint16_t code) const {
    const int exponent = code >> fraction_bits;
    const int fraction = code & ((1 << fraction_bits) - 1);
    const int hidden = exponent == 0 ? 0 : 1 << fraction_bits;
    return std::ldexp(fraction + hidden, std::max(exponent, 1) - bias - fraction_bits);
  }

  // Nearest code of a value that is not NaN. Exact: value and both neighbours are within 25 bits of
  // one another, so double holds every difference.
  uint16_t Nearest(float value) const {
    const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
    const double magnitude = std::fabs(static_cast<double>(value));
    if (magnitude >= Magnitude(infinity())) return sign | infinity();
    uint16_t below = 0,
             above = infinity();  // invariant: Magnitude(below) <= magnitude < Magnitude(above)
    while (above - below > 1) {
      const uint16_t middle = static_cast<uint16_t>((below + above) / 2);
      (Magnitude(middle) <= magnitude ? below : above) = middle;
    }
    const double down = magnitude - Magnitude(below), up = Magnitude(above) - magnitude;
    const bool take_below = down < up || (down == up && below % 2 == 0);
    return sign | (take_below ? below : above);
  }
};

class Float16Test : public testing::TestWithParam<Format> {
 protected:
  const Format& format() const { return GetParam(); }

  void ExpectNearest(float value) {
    const uint16_t expected = format().Nearest(value);
    const uint16_t actual = format().encode(value);
    if (actual != expected) {  // EXPECT_EQ() alone is slow in millions of calls
      EXPECT_EQ(actual, expected) << std::hexfloat << value;
    }
  }
};

TEST_P(Float16Test, EveryCodeDecodesToItsDefinition) {
  for (uint32_t i = 0; i < 65536; ++i) {
    const uint16_t code = static_cast<uint16_t>(i);
    const uint16_t magnitude = code & 0x7fff;
    const float value = format().decode(code);
    if (format().IsNan(code)) {
      EXPECT_TRUE(std::isnan(value)) << i;
      continue;
    }
    EXPECT_EQ(std::signbit(value), i >= 0x8000) << i;
    const double expected = magnitude == format().infinity()
                                ? std::numeric_limits<double>::infinity()
                                : format().Magnitude(magnitude);
    EXPECT_EQ(std::fabs(static_cast<double>(value)), expected) << i;
  }
}

TEST_P(Float16Test, EveryCodeComesBack) {
  const uint16_t quiet = static_cast<uint16_t>(1 << (format().fraction_bits - 1));
  for (uint32_t i = 0; i < 65536; ++i) {
    const uint16_t code = static_cast<uint16_t>(i);
    const uint16_t expected = format().IsNan(code) ? code | quiet : code;  // NaN is made quiet
    EXPECT_EQ(format().encode(format().decode(code)), expected) << i;
  }
}

TEST_P(Float16Test, AroundEveryTieRoundsToNearestEven) {
  for (uint16_t code = 0; code < format().infinity(); ++code) {
    const double tie = (format().Magnitude(code) + format().Magnitude(code + 1)) / 2;
    const float at = static_cast<float>(tie);  // exact, but for the tie below fp32's subnormals
    for (const float value : {std::nextafter(at, 0.0f), at, std::nextafter(at, HUGE_VALF)}) {
      ExpectNearest(value);
      ExpectNearest(-value);
    }
  }
}

TEST_P(Float16Test, FloatsFromTheWholeRangeRoundToNearest) {
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += 4093) {
    const float value = std::bit_cast<float>(static_cast<uint32_t>(bits));
    if (!std::isnan(value)) ExpectNearest(value);
  }
}

TEST_P(Float16Test, OverflowStartsHalfAStepAboveTheLargest) {
  const uint16_t largest = format().infinity() - 1;
  const float max = format().decode(largest);
  const float tie =
      static_cast<float>((format().Magnitude(largest) + format().Magnitude(largest + 1)) / 2);
  EXPECT_EQ(format().encode(max), largest);
  EXPECT_EQ(format().encode(std::nextafter(tie, 0.0f)), largest);
  EXPECT_EQ(format().encode(tie), format().infinity());
  EXPECT_EQ(format().encode(-tie), format().infinity() | 0x8000);
  EXPECT_EQ(format().encode(std::numeric_limits<float>::max()), format().infinity());
  EXPECT_EQ(format().encode(std::numeric_limits<float>::infinity()), format().infinity());
  EXPECT_EQ(format().encode(-std::numeric_limits<float>::infinity()), format().infinity() | 0x8000);
}

TEST_P(Float16Test, UnderflowKeepsSubnormalsAndTheSign) {
  const float smallest = format().decode(1);
  EXPECT_EQ(smallest, std::ldexp(1.0f, 1 - format().bias - format().fraction_bits));
  EXPECT_EQ(format().encode(smallest), 1);
  EXPECT_EQ(format().encode(smallest / 2), 0);  // a tie: to the even zero
  EXPECT_EQ(format().encode(std::nextafter(smallest / 2, 1.0f)), 1);
  EXPECT_EQ(format().encode(-smallest / 2), 0x8000);
  EXPECT_EQ(format().encode(0.0f), 0);
  EXPECT_EQ(format().encode(-0.0f), 0x8000);
  EXPECT_EQ(format().encode(std::numeric_limits<float>::denorm_min()), 0);
}

TEST_P(Float16Test, NanStaysNanWhateverItsPayload) {
  for (int bit = 0; bit < 23; ++bit) {
    for (const uint32_t sign : {0u, 0x80000000u}) {
      const uint32_t bits = sign | 0x7f800000u | (1u << bit);
      const uint16_t code = format().encode(std::bit_cast<float>(bits));
      EXPECT_TRUE(format().IsNan(code)) << bit;
      EXPECT_EQ(code >> 15, sign >> 31) << bit;
    }
  }
}

TEST_P(Float16Test, DoesNotDependOnTheRoundingMode) {
  std::vector<float> values;
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += 1000003) {
    const float value = std::bit_cast<float>(static_cast<uint32_t>(bits));
    if (!std::isnan(value)) values.push_back(value);
  }
  for (uint16_t code = 0; code < format().infinity(); code += 7) {
    values.push_back(
        static_cast<float>((format().Magnitude(code) + format().Magnitude(code + 1)) / 2));
  }
  const int before = std::fegetround();
  for (const int mode : {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}) {
    std::vector<uint16_t> codes;
    std::fesetround(mode);
    for (const float value : values) codes.push_back(format().encode(value));
    std::fesetround(before);
    for (size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(codes[i], format().Nearest(values[i])) << std::hexfloat << values[i];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, Float16Test,
                         testing::Values(Format{"bf16", 7, 127, Bf16ToFloat, FloatToBf16},
                                         Format{"fp16", 10, 15, Fp16ToFloat, FloatToFp16}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Float16, KnownCodes) {
  EXPECT_EQ(FloatToBf16(1.0f), 0x3f80);
  EXPECT_EQ(FloatToBf16(3.14159265f), 0x4049);
  EXPECT_EQ(FloatToFp16(1.0f), 0x3c00);
  EXPECT_EQ(FloatToFp16(3.14159265f), 0x4248);
  EXPECT_EQ(Fp16ToFloat(0x7bff), 65504.0f);
  EXPECT_EQ(Fp16ToFloat(0x0400), std::ldexp(1.0f, -14));
}

}  // namespace
}  // namespace strata::chips
