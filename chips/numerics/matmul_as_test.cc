#include "chips/numerics/matmul_as.h"

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace strata::chips {
namespace {

using ::testing::HasSubstr;
using Floats = std::vector<float>;

class MatmulAsTest : public testing::TestWithParam<DotRule> {
 protected:
  float RandomValue(int spread) {
    if (random_() % 16 == 0) return random_() % 2 == 0 ? 0.0f : -0.0f;
    const int exponent = static_cast<int>(random_() % static_cast<uint64_t>(2 * spread)) - spread;
    const double significand = 1 + static_cast<double>(random_() % 4096) / 4096;
    return static_cast<float>(
        std::ldexp(random_() % 2 == 0 ? significand : -significand, exponent));
  }

  Floats RandomValues(int64_t count, int spread) {
    Floats values(static_cast<size_t>(count));
    for (float& value : values) value = RandomValue(spread);
    return values;
  }

  // Every element is TensorCoreDot() of its row, column and c.
  void ExpectDefinition(const MatmulShape& s, const Floats& a, const Floats& b, const Floats& c) {
    const DotRule& rule = GetParam();
    Floats d(static_cast<size_t>(s.m * s.n), 7);
    ASSERT_OK(MatmulAs(rule, s, a, b, c, absl::MakeSpan(d)));
    const Rounding rounding =
        rule.operand == Format::kTf32 ? Rounding::kTowardZero : Rounding::kNearestEven;
    for (int64_t m = 0; m < s.m; ++m) {
      for (int64_t n = 0; n < s.n; ++n) {
        std::vector<uint32_t> row, column;
        for (int64_t k = 0; k < s.k; ++k) {
          row.push_back(
              Encode(rule.operand, a[static_cast<size_t>(m * s.k + k)], {.rounding = rounding}));
          column.push_back(
              Encode(rule.operand, b[static_cast<size_t>(k * s.n + n)], {.rounding = rounding}));
        }
        const size_t at = static_cast<size_t>(m * s.n + n);
        const uint32_t from = Encode(rule.result, c.empty() ? 0.0f : c[at]);
        const uint32_t expected = TensorCoreDot(rule, row, column, from);
        const uint32_t actual = rule.result == Format::kF32 ? std::bit_cast<uint32_t>(d[at])
                                                            : Encode(Format::kF16, d[at]);
        if (actual == expected) continue;
        const bool nans = IsNanCode(rule.result, actual) && IsNanCode(rule.result, expected);
        EXPECT_TRUE(nans) << std::hex << actual << " is not " << expected << std::dec << " at " << m
                          << ", " << n << " of " << s.m << " x " << s.n << " x " << s.k;
      }
    }
  }

  std::mt19937_64 random_{5};
};

TEST_P(MatmulAsTest, EveryElementIsItsDot) {
  const int64_t g = GetParam().group;
  for (const MatmulShape& s : {MatmulShape{1, 1, 1},
                               {1, 1, g},
                               {2, 15, g - 1},
                               {3, 16, g + 1},
                               {2, 17, 2 * g},
                               {1, 33, 3 * g + 2},
                               {5, 1, 40},
                               {2, 16, 0},
                               {0, 4, 4},
                               {4, 0, 4}}) {
    for (const int spread : {2, 12}) {
      const Floats a = RandomValues(s.m * s.k, spread), b = RandomValues(s.k * s.n, spread);
      ExpectDefinition(s, a, b, {});
      ExpectDefinition(s, a, b, RandomValues(s.m * s.n, 2 * spread));
    }
  }
}

// Subnormals, results at both ends of fp32's range, infinities and NaN, each in some elements only.
TEST_P(MatmulAsTest, SpecialElementsToo) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const MatmulShape s{8, 20, 2 * GetParam().group + 1};
  Floats a = RandomValues(s.m * s.k, 3), b = RandomValues(s.k * s.n, 3);
  Floats c = RandomValues(s.m * s.n, 3);
  const auto scale_row = [&](int64_t m, float factor) {
    for (int64_t k = 0; k < s.k; ++k) a[static_cast<size_t>(m * s.k + k)] *= factor;
  };
  scale_row(1, 0x1p126f);
  scale_row(2, 0x1p-126f);
  scale_row(3, 0x1p-15f);
  for (int64_t k = 0; k < s.k; ++k) {
    b[static_cast<size_t>(k * s.n + 1)] *= 0x1p-20f;
    b[static_cast<size_t>(k * s.n + 2)] *= 0x1p-120f;
    b[static_cast<size_t>(k * s.n + 17)] *= 0x1p120f;
  }
  a[static_cast<size_t>(4 * s.k)] = kInfinity;
  a[static_cast<size_t>(5 * s.k + 1)] = std::nanf("");
  b[static_cast<size_t>(2 * s.n + 5)] = -kInfinity;
  c[static_cast<size_t>(6 * s.n + 3)] = kInfinity;
  c[static_cast<size_t>(6 * s.n + 4)] = std::nanf("");
  c[static_cast<size_t>(6 * s.n + 6)] = 0x1p-140f;
  c[static_cast<size_t>(2 * s.n + 6)] = -0x1p-149f;
  ExpectDefinition(s, a, b, c);
}

INSTANTIATE_TEST_SUITE_P(Rules, MatmulAsTest,
                         testing::ValuesIn(AllDotRules().begin(), AllDotRules().end()),
                         [](const auto& info) {
                           const DotRule& rule = info.param;
                           return absl::StrCat(
                               GenerationName(rule.generation), "_", Row(rule.operand).name, "_",
                               Row(rule.result).name,
                               rule.instruction == Instruction::kMmaSync ? "_mma" : "");
                         });

TEST(MatmulAs, TakesNames) {
  const Floats a{1, 2}, b{3, 4}, c{0.5f};
  Floats d(1);
  ASSERT_OK(MatmulAs("h100", "bf16", {1, 1, 2}, a, b, c, absl::MakeSpan(d)));
  EXPECT_EQ(d[0], 11.5f);
}

TEST(MatmulAs, WhatDoesNotFitIsNamed) {
  Floats four(4), d(4);
  const absl::Span<float> out = absl::MakeSpan(d);
  const auto fault = [](const char* text) {
    return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(text));
  };
  EXPECT_THAT(MatmulAs("h100", "bf16", {2, 2, 3}, four, four, {}, out), fault("a: has 4 elements"));
  EXPECT_THAT(MatmulAs("h100", "bf16", {2, 3, 2}, four, four, {}, out), fault("b: has 4 elements"));
  EXPECT_THAT(MatmulAs("h100", "bf16", {2, 2, 2}, four, four, Floats(3), out),
              fault("c: has 3 elements; must have 2 x 2"));
  EXPECT_THAT(MatmulAs("h100", "bf16", {2, 2, 2}, four, four, {}, out.subspan(1)),
              fault("d: has 3"));
  EXPECT_THAT(MatmulAs("h100", "bf16", {-1, -4, -4}, four, four, {}, out), fault("negative"));
  EXPECT_THAT(MatmulAs("h900", "bf16", {2, 2, 2}, four, four, {}, out), fault("h900"));
  EXPECT_THAT(MatmulAs("a100", "e4m3", {2, 2, 2}, four, four, {}, out),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("ampere multiplies no e4m3")));
}

}  // namespace
}  // namespace strata::chips
