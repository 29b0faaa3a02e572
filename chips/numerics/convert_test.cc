// The fast conversions equal the exact ones: every code one way; the other way every code, tie and
// neighbour, and random words: ten million in the formats of 16 and 8 bits most in use, one in the others.
#include "chips/numerics/convert.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "chips/numerics/float16.h"
#include "gtest/gtest.h"

namespace strata::chips {
namespace {

using ::testing::HasSubstr;

std::vector<uint32_t> Narrow(Format format, const std::vector<float>& values, Overflow overflow) {
  if (Row(format).bits() <= 8) {
    std::vector<uint8_t> codes(values.size());
    EXPECT_OK(FromF32(format, values, absl::MakeSpan(codes), overflow));
    return {codes.begin(), codes.end()};
  }
  std::vector<uint16_t> codes(values.size());
  EXPECT_OK(FromF32(format, values, absl::MakeSpan(codes), overflow));
  return {codes.begin(), codes.end()};
}

std::vector<float> Widen(Format format, const std::vector<uint32_t>& codes) {
  std::vector<float> values(codes.size());
  if (Row(format).bits() <= 8) {
    const std::vector<uint8_t> bytes(codes.begin(), codes.end());
    EXPECT_OK(ToF32(format, bytes, absl::MakeSpan(values)));
  } else {
    const std::vector<uint16_t> halves(codes.begin(), codes.end());
    EXPECT_OK(ToF32(format, halves, absl::MakeSpan(values)));
  }
  return values;
}

class ConvertTest : public testing::TestWithParam<Format> {
 protected:
  Format format() const { return GetParam(); }

  void ExpectExact(const std::vector<float>& values) const {
    ExpectExact(values, Overflow::kToSpecial);
    ExpectExact(values, Overflow::kSaturate);
  }

  void ExpectExact(const std::vector<float>& values, Overflow overflow) const {
    const std::vector<uint32_t> codes = Narrow(format(), values, overflow);
    for (size_t i = 0; i < values.size(); ++i) {
      const uint32_t expected = Encode(format(), values[i], {.overflow = overflow});
      if (codes[i] == expected) continue;  // EXPECT_EQ() alone is slow in millions of calls
      EXPECT_EQ(codes[i], expected) << std::hexfloat << values[i];
      if (HasFailure()) return;
    }
  }
};

TEST_P(ConvertTest, EveryCodeWidens) {
  std::vector<uint32_t> codes;
  for (uint32_t code = 0; code < 1u << Row(format()).bits(); ++code) codes.push_back(code);
  const std::vector<float> values = Widen(format(), codes);
  for (const uint32_t code : codes) {
    const float expected = static_cast<float>(Decode(format(), code));
    EXPECT_EQ(std::isnan(values[code]), std::isnan(expected)) << code;
    EXPECT_EQ(std::signbit(values[code]), std::signbit(expected)) << code;
    if (!std::isnan(expected)) {
      EXPECT_EQ(values[code], expected) << code;
    }
  }
}

TEST_P(ConvertTest, EveryCodeTieAndNeighbourNarrows) {
  const FormatRow& row = Row(format());
  std::vector<float> values;
  for (uint32_t code = 0; code <= row.LargestCode(); ++code) {
    const double value = Decode(format(), code);
    const double next = code == row.LargestCode() ? 2 * value - Decode(format(), code - 1)
                                                  : Decode(format(), code + 1);
    for (const double x : {value, (value + next) / 2, next}) {
      const float at = static_cast<float>(x);
      for (const float y : {at, std::nextafter(at, 0.0f), std::nextafter(at, HUGE_VALF)}) {
        values.push_back(y);
        values.push_back(-y);
      }
    }
  }
  for (const uint32_t bits : {0x7f800000u, 0x7f800001u, 0x7fc00000u, 0x7fbfffffu, 0x7fffffffu}) {
    values.push_back(std::bit_cast<float>(bits));
    values.push_back(std::bit_cast<float>(bits | 0x80000000u));
  }
  ExpectExact(values);
}

TEST_P(ConvertTest, RandomWordsNarrow) {
  std::mt19937_64 random(6);
  std::vector<float> values(1 << 16);
  // Half of the words are of the format's range, where a word of any kind seldom falls.
  const int lowest = std::max(Row(format()).min_exponent() - Row(format()).mantissa_bits - 2, -140);
  const int range = std::ilogb(Decode(format(), Row(format()).LargestCode())) + 2 - lowest;
  const bool common = format() == Format::kBf16 || format() == Format::kF16 ||
                      format() == Format::kE4M3 || format() == Format::kE5M2;
  const int blocks = (common ? 10'000'000 : 1'000'000) / (1 << 16) + 1;
  for (int block = 0; block < blocks; ++block) {
    for (float& value : values) {
      const uint64_t word = random();
      value = std::bit_cast<float>(static_cast<uint32_t>(word));
      if (word >> 63 == 0 || lowest < -126) continue;
      const int exponent = lowest + static_cast<int>((word >> 32) % static_cast<uint64_t>(range));
      value = std::bit_cast<float>((static_cast<uint32_t>(word) & 0x807fffffu) |
                                   static_cast<uint32_t>(exponent + 127) << 23);
    }
    ExpectExact(values, block % 2 == 0 ? Overflow::kToSpecial : Overflow::kSaturate);
    if (HasFailure()) return;
  }
}

TEST_P(ConvertTest, StochasticRoundingTakesItsWords) {
  const FormatRow& row = Row(format());
  std::mt19937 random(12);
  std::vector<float> values(300000);
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = std::bit_cast<float>(static_cast<uint32_t>(random()));
    if (i % 2 == 0) continue;  // the others near codes of the format
    const double value =
        Decode(format(), static_cast<uint32_t>(random()) % (row.LargestCode() + 1));
    const double factor = 1 + static_cast<double>(random() % 4096) / 4096;
    values[i] = static_cast<float>(i % 4 == 1 ? value * factor : -value / factor);
  }
  const RandomBits bits(13, 14);
  constexpr uint64_t kFirst = 5;
  for (const Overflow overflow : {Overflow::kToSpecial, Overflow::kSaturate}) {
    std::vector<uint8_t> bytes(values.size());
    std::vector<uint16_t> halves(values.size());
    if (row.bits() <= 8) {
      ASSERT_OK(FromF32Stochastic(format(), values, bits, kFirst, absl::MakeSpan(bytes), overflow));
    } else {
      ASSERT_OK(
          FromF32Stochastic(format(), values, bits, kFirst, absl::MakeSpan(halves), overflow));
    }
    for (size_t i = 0; i < values.size(); ++i) {
      const uint32_t expected = Encode(
          format(), values[i],
          {.rounding = Rounding::kStochastic, .overflow = overflow, .random = bits.At(kFirst + i)});
      const uint32_t actual = row.bits() <= 8 ? bytes[i] : halves[i];
      if (actual == expected) continue;
      ASSERT_EQ(actual, expected) << std::hexfloat << values[i] << " " << bits.At(kFirst + i);
    }
  }
}

TEST_P(ConvertTest, EveryLengthIsKeptTo) {
  for (size_t length = 0; length < 70; ++length) {
    std::vector<float> values(length);
    for (size_t i = 0; i < length; ++i) values[i] = 1.25f + std::sin(static_cast<float>(i));
    const std::vector<uint32_t> codes = Narrow(format(), values, Overflow::kToSpecial);
    const std::vector<float> back = Widen(format(), codes);
    for (size_t i = 0; i < length; ++i) {
      EXPECT_EQ(codes[i], Encode(format(), values[i]));
      EXPECT_EQ(back[i], Decode(format(), codes[i]));
    }
  }
  std::vector<uint8_t> bytes(40, 0xa5);
  std::vector<uint16_t> halves(40, 0xa5a5);
  const std::vector<float> values(17, 1);
  if (Row(format()).bits() <= 8) {
    EXPECT_OK(FromF32(format(), values, absl::MakeSpan(bytes).subspan(0, 17)));
  } else {
    EXPECT_OK(FromF32(format(), values, absl::MakeSpan(halves).subspan(0, 17)));
  }
  EXPECT_EQ(bytes[17], 0xa5);
  EXPECT_EQ(halves[17], 0xa5a5);
}

INSTANTIATE_TEST_SUITE_P(Formats, ConvertTest,
                         testing::Values(Format::kBf16, Format::kF16, Format::kE4M3, Format::kE5M2,
                                         Format::kE4M3Fnuz, Format::kE5M2Fnuz, Format::kE3M2,
                                         Format::kE2M3, Format::kE2M1, Format::kE8M0, Format::kI8,
                                         Format::kI4),
                         [](const auto& info) { return std::string(Row(info.param).name); });

TEST(Convert, EqualsTheScalarConversionsOfFloat16) {
  std::mt19937 random(7);
  for (int i = 0; i < 1000000; ++i) {
    const float value = std::bit_cast<float>(static_cast<uint32_t>(random()));
    EXPECT_EQ(Encode(Format::kBf16, value), FloatToBf16(value));
    EXPECT_EQ(Encode(Format::kF16, value), FloatToFp16(value));
  }
}

TEST(Convert, NansOfSixteenBitsKeepTheirPayload) {
  const std::vector<float> halves = Widen(Format::kF16, {0x7e10, 0xfe01});
  EXPECT_EQ(std::bit_cast<uint32_t>(halves[0]), 0x7fc20000u);
  EXPECT_EQ(std::bit_cast<uint32_t>(halves[1]), 0xffc02000u);
}

TEST(Convert, WhatDoesNotFitIsNamed) {
  std::vector<float> values(4);
  std::vector<uint8_t> bytes(4);
  std::vector<uint16_t> halves(3);
  const auto fault = [](const char* text) {
    return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(text));
  };
  EXPECT_THAT(FromF32(Format::kBf16, values, absl::MakeSpan(bytes)),
              fault("bf16 has 16 bits; elements of 8 bits hold formats of 1 to 8"));
  EXPECT_THAT(FromF32(Format::kE4M3, values, absl::MakeSpan(halves)), fault("e4m3 has 8 bits"));
  EXPECT_THAT(ToF32(Format::kTf32, halves, absl::MakeSpan(values)), fault("tf32 has 19 bits"));
  EXPECT_THAT(FromF32(Format::kBf16, values, absl::MakeSpan(halves)),
              fault("codes: has 3 elements; must have as many as values, 4"));
  EXPECT_THAT(ToF32(Format::kE4M3, absl::MakeSpan(bytes).subspan(1), absl::MakeSpan(values)),
              fault("has 3"));
}

}  // namespace
}  // namespace strata::chips
