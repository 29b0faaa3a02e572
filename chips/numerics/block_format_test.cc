// Held against the words of the specifications: the scale by looking for the largest power of two that fits,
// each element by trying every code and keeping the nearest.
#include "chips/numerics/block_format.h"

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace strata::chips {
namespace {

using ::testing::HasSubstr;

struct Definition {
  BlockFormat format;
  const char* name;
  int block;
  Format element;
  double step;           // of an element's code
  double largest_power;  // that an element can be
  double bits;           // a value, scales included
};

constexpr Definition kDefinitions[] = {
    {BlockFormat::kMxFp8E4M3, "mxfp8_e4m3", 32, Format::kE4M3, 1, 256, 8.25},
    {BlockFormat::kMxFp8E5M2, "mxfp8_e5m2", 32, Format::kE5M2, 1, 32768, 8.25},
    {BlockFormat::kMxFp6E3M2, "mxfp6_e3m2", 32, Format::kE3M2, 1, 16, 6.25},
    {BlockFormat::kMxFp6E2M3, "mxfp6_e2m3", 32, Format::kE2M3, 1, 4, 6.25},
    {BlockFormat::kMxFp4, "mxfp4", 32, Format::kE2M1, 1, 4, 4.25},
    {BlockFormat::kMxInt8, "mxint8", 32, Format::kI8, 1.0 / 64, 1, 8.25},
    {BlockFormat::kNvFp4, "nvfp4", 16, Format::kE2M1, 1, 4, 4.5},
};

// The finite code nearest to a value, the even one of two, the largest for what is beyond.
uint8_t Nearest(const Definition& d, double value) {
  uint8_t best = 0;
  double least = HUGE_VAL;
  for (uint32_t code = 0; code < 1u << Row(d.element).bits(); ++code) {
    if (IsNanCode(d.element, code) || IsInfinityCode(d.element, code)) continue;
    if (d.element == Format::kI8 && code == 0x80) continue;
    const double at = Decode(d.element, code) * d.step;
    if (std::signbit(at) != std::signbit(value) && d.element != Format::kI8) continue;
    const double distance = std::fabs(at - value);
    if (distance < least || (distance == least && code % 2 == 0)) {
      least = distance;
      best = static_cast<uint8_t>(code);
    }
  }
  return best;
}

double LargestOf(const std::vector<float>& values, size_t begin, size_t end) {
  double largest = 0;
  for (size_t i = begin; i < std::min(end, values.size()); ++i) {
    largest = std::max(largest, std::fabs(static_cast<double>(values[i])));
  }
  return largest;
}

class BlockFormatTest : public testing::TestWithParam<Definition> {
 protected:
  std::vector<float> RandomValues(size_t count, int spread) {
    std::vector<float> values(count);
    for (float& value : values) {
      const double significand = static_cast<double>(random_() % 8192) / 4096 - 1;
      value = static_cast<float>(
          std::ldexp(significand, static_cast<int>(random_() % static_cast<uint64_t>(spread))));
    }
    return values;
  }

  void ExpectDefinition(const std::vector<float>& values) {
    const Definition& d = GetParam();
    STRATA_ASSERT_OK_AND_ASSIGN(const BlockArray array, Quantise(d.format, values));
    const std::vector<float> back = Dequantise(array);
    const size_t block = static_cast<size_t>(d.block);
    ASSERT_EQ(array.scales.size(), (values.size() + block - 1) / block);
    ASSERT_EQ(array.elements.size(), values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      const double largest = LargestOf(values, i / block * block, i / block * block + block);
      const uint8_t scale_code = array.scales[i / block];
      double scale;
      if (d.format == BlockFormat::kNvFp4) {
        const double all = LargestOf(values, 0, values.size());
        EXPECT_EQ(array.tensor_scale, all == 0 ? 1 : static_cast<float>(all / 2688));
        EXPECT_EQ(scale_code, Nearest({d.format, "", 16, Format::kE4M3, 1, 0, 0},
                                      largest / 6 / static_cast<double>(array.tensor_scale)));
        scale = Decode(Format::kE4M3, scale_code) * array.tensor_scale;
      } else {
        scale = 0x1p-127;  // what a zero block gets
        for (double power = 0x1p-127; power * d.largest_power <= largest; power *= 2) scale = power;
        EXPECT_EQ(Decode(Format::kE8M0, scale_code), scale);
      }
      EXPECT_EQ(array.elements[i], scale == 0 ? 0 : Nearest(d, values[i] / scale))
          << values[i] << " scaled by " << scale;
      const double expected = Decode(d.element, array.elements[i]) * d.step * scale;
      EXPECT_EQ(back[i], static_cast<float>(expected));
    }
  }

  std::mt19937_64 random_{8};
};

TEST_P(BlockFormatTest, QuantisesAsTheSpecificationSays) {
  const size_t block = static_cast<size_t>(GetParam().block);
  for (const size_t count : {size_t{1}, block - 1, block, block + 1, 3 * block + 5}) {
    for (const int spread : {1, 4, 12}) ExpectDefinition(RandomValues(count, spread));
  }
}

TEST_P(BlockFormatTest, ZerosStayZeros) {
  std::vector<float> values(40, 0.0f);
  values[3] = -0.0f;
  ExpectDefinition(values);
  values[39] = 5;  // the blocks before it are still zeros
  ExpectDefinition(values);
}

TEST_P(BlockFormatTest, EndsOfTheRangeClampTheScale) {
  std::vector<float> values(32, 0x1p-140f);
  values[1] = 0x1p-149f;
  STRATA_ASSERT_OK_AND_ASSIGN(const BlockArray small, Quantise(GetParam().format, values));
  if (GetParam().format != BlockFormat::kNvFp4) {
    EXPECT_EQ(small.scales[0], 0);
  }
  values.assign(32, std::numeric_limits<float>::max());
  STRATA_ASSERT_OK_AND_ASSIGN(const BlockArray large, Quantise(GetParam().format, values));
  for (const float value : Dequantise(large)) {
    EXPECT_GT(value, 0.75f * values[0]);
    EXPECT_TRUE(std::isfinite(value));
  }
}

TEST_P(BlockFormatTest, WhatIsNotFiniteMakesItsBlockNan) {
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    std::vector<float> values(96, 1.0f);
    values[40] = bad;
    STRATA_ASSERT_OK_AND_ASSIGN(const BlockArray array, Quantise(GetParam().format, values));
    const std::vector<float> back = Dequantise(array);
    const size_t block = static_cast<size_t>(GetParam().block);
    for (size_t i = 0; i < values.size(); ++i) {
      if (i / block == 40 / block) {
        EXPECT_TRUE(std::isnan(back[i])) << i;
      } else {
        EXPECT_EQ(back[i], 1.0f) << i;
      }
    }
  }
}

TEST_P(BlockFormatTest, StochasticRoundingKeepsTheMeanAndItsSeed) {
  const size_t block = static_cast<size_t>(GetParam().block);
  std::vector<float> values(block * 400, 0.3f);
  for (size_t i = 0; i < values.size(); i += block) values[i] = 1;
  const QuantiseOptions options{.rounding = Rounding::kStochastic, .seed = 9};
  STRATA_ASSERT_OK_AND_ASSIGN(const BlockArray array, Quantise(GetParam().format, values, options));
  STRATA_ASSERT_OK_AND_ASSIGN(const BlockArray again, Quantise(GetParam().format, values, options));
  EXPECT_EQ(array.elements, again.elements);
  const std::vector<float> back = Dequantise(array);
  double sum = 0, expected = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    sum += back[i];
    expected += values[i];
  }
  EXPECT_NEAR(sum / expected, 1, 0.01);
}

TEST_P(BlockFormatTest, RowSaysWhatTheDefinitionSays) {
  const BlockRow& row = Row(GetParam().format);
  EXPECT_STREQ(row.name, GetParam().name);
  EXPECT_EQ(row.block, GetParam().block);
  EXPECT_EQ(row.BitsPerValue(), GetParam().bits);
  STRATA_ASSERT_OK_AND_ASSIGN(const BlockFormat parsed, ParseBlockFormat(row.name));
  EXPECT_EQ(parsed, row.format);
}

INSTANTIATE_TEST_SUITE_P(Formats, BlockFormatTest, testing::ValuesIn(kDefinitions),
                         [](const auto& info) { return std::string(info.param.name); });

// Values on each border between two codes, and next to it, under many scales.
TEST(BlockFormat, TiesOfNvfp4GoToTheEvenCode) {
  std::mt19937_64 random(9);
  for (int round = 0; round < 500; ++round) {
    std::vector<float> x(16, 0.0f);
    x[0] = std::ldexp(static_cast<float>(1 + random() % 1000) / 1000,
                      static_cast<int>(round % 60) - 30);
    const float tensor_scale =
        round % 3 == 0 ? 1 : x[0] / static_cast<float>(300 + random() % 2388);
    std::vector<uint8_t> codes(16), scales(1);
    const auto quantise = [&] {
      ASSERT_OK(QuantiseInto(BlockFormat::kNvFp4, x, tensor_scale, {}, absl::MakeSpan(codes),
                             absl::MakeSpan(scales)));
    };
    quantise();
    const double factor = Decode(Format::kE4M3, scales[0]) * tensor_scale;
    if (factor == 0) continue;
    size_t at = 1;
    for (const double border : {0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0}) {
      const float value = static_cast<float>(border * factor);
      if (value >= x[0]) break;
      x[at++] = round % 2 == 0 ? value : -value;
      x[at++] = std::nextafter(value, round % 4 < 2 ? 0.0f : 1e30f);
    }
    quantise();
    for (size_t i = 0; i < 16; ++i) {
      ASSERT_EQ(codes[i], Encode(Format::kE2M1, x[i] / factor, {.overflow = Overflow::kSaturate}))
          << std::hexfloat << x[i] << " under " << factor;
    }
  }
}

// Each element by its definition: the quotient in double, and the word of its index.
TEST(BlockFormat, StochasticElementsTakeTheirWords) {
  std::mt19937_64 random(11);
  std::normal_distribution<double> normal;
  for (const BlockRow& row : AllBlockFormats()) {
    for (const double spread : {1.0, 1e-20, 1e-41, 1e30}) {
      std::vector<float> x(777);
      for (float& value : x) {
        value =
            static_cast<float>(spread * std::ldexp(normal(random), static_cast<int>(random() % 6)));
      }
      x[40] = 0;
      x[41] = -0.0f;
      STRATA_ASSERT_OK_AND_ASSIGN(
          const BlockArray q,
          Quantise(row.format, x, {.rounding = Rounding::kStochastic, .seed = 5, .first = 64}));
      const RandomBits bits(5);
      for (size_t i = 0; i < x.size(); ++i) {
        const double scale =
            Decode(row.scale, q.scales[i / static_cast<size_t>(row.block)]) * q.tensor_scale;
        double quotient = std::ldexp(x[i] / scale, -row.element_exponent);
        if (row.format == BlockFormat::kMxInt8) quotient = std::max(quotient, -127.0);
        const uint32_t expected = scale == 0 ? 0
                                             : Encode(row.element, quotient,
                                                      {.rounding = Rounding::kStochastic,
                                                       .overflow = Overflow::kSaturate,
                                                       .random = bits.At(64 + i)});
        ASSERT_EQ(q.elements[i], expected) << row.name << " " << x[i] << " over " << scale;
      }
    }
  }
}

TEST(BlockFormat, PartsOfAnArrayAreTheWhole) {
  std::mt19937_64 random(10);
  std::normal_distribution<float> normal;
  std::vector<float> x(1000);
  for (float& value : x) value = normal(random);
  for (const BlockRow& row : AllBlockFormats()) {
    for (const Rounding rounding : {Rounding::kNearestEven, Rounding::kStochastic}) {
      STRATA_ASSERT_OK_AND_ASSIGN(const BlockArray whole,
                                  Quantise(row.format, x, {.rounding = rounding, .seed = 3}));
      const float tensor_scale = TensorScale(row.format, x);
      EXPECT_EQ(tensor_scale, whole.tensor_scale);
      std::vector<uint8_t> codes(1000), scales(whole.scales.size());
      std::vector<float> y(1000);
      const size_t block = static_cast<size_t>(row.block);
      for (size_t begin = 0; begin < x.size(); begin += 3 * block) {
        const auto part = [&](auto& all) { return absl::MakeSpan(all).subspan(begin, 3 * block); };
        const auto part_scales = absl::MakeSpan(scales).subspan(begin / block, 3);
        ASSERT_OK(QuantiseInto(row.format, part(x), tensor_scale,
                               {.rounding = rounding, .seed = 3, .first = begin}, part(codes),
                               part_scales));
        ASSERT_OK(DequantiseInto(row.format, part(codes), part_scales, tensor_scale, part(y)));
      }
      EXPECT_EQ(codes, whole.elements) << row.name;
      EXPECT_EQ(scales, whole.scales) << row.name;
      EXPECT_EQ(y, Dequantise(whole)) << row.name;
    }
  }
}

TEST(BlockFormat, SizesAreChecked) {
  const std::vector<float> x(33, 1.0f);
  std::vector<uint8_t> codes(33), scales(2), few(1);
  std::vector<float> y(33);
  EXPECT_THAT(
      QuantiseInto(BlockFormat::kMxFp4, x, 1, {}, absl::MakeSpan(few), absl::MakeSpan(scales)),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("elements: has 1; must have as many as values, 33")));
  EXPECT_THAT(
      QuantiseInto(BlockFormat::kMxFp4, x, 1, {}, absl::MakeSpan(codes), absl::MakeSpan(few)),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("scales: has 1; must have 2, one for 32 values")));
  EXPECT_THAT(DequantiseInto(BlockFormat::kNvFp4, codes, scales, 1, absl::MakeSpan(y)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("must have 3, one for 16")));
}

TEST(BlockFormat, WhatDoesNotFitIsNamed) {
  EXPECT_THAT(Quantise(BlockFormat::kMxFp4, {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("values: is empty")));
  EXPECT_THAT(ParseBlockFormat("mxfp5"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("mxfp8_e4m3, mxfp8_e5m2")));
  EXPECT_EQ(AllBlockFormats().size(), std::size(kDefinitions));
}

}  // namespace
}  // namespace strata::chips
