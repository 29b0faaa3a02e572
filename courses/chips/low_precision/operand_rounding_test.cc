#include "courses/chips/low_precision/operand_rounding.h"

#include <cmath>
#include <vector>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace strata::courses {
namespace {

using ::testing::HasSubstr;

std::vector<float> Round(const std::string& format, const OperandShape& shape, std::vector<float> x,
                         double* scale = nullptr, uint64_t seed = 0) {
  const auto rounding = ParseOperandRounding(format);
  EXPECT_OK(rounding.status());
  const auto result = RoundOperand(*rounding, shape, seed, absl::MakeSpan(x));
  EXPECT_OK(result.status());
  if (scale != nullptr) *scale = *result;
  return x;
}

TEST(OperandRounding, ElementsAreTheFormats) {
  EXPECT_EQ(Round("f32", {1, 1}, {1.0f / 3}), (std::vector<float>{1.0f / 3}));
  EXPECT_EQ(Round("bf16", {1, 2}, {1 + 0x1p-9f, 3}), (std::vector<float>{1, 3}));
  // 2^-10 is half of E4M3's least number; 1000 is beyond its largest.
  EXPECT_EQ(Round("e4m3", {1, 3}, {0x1p-10f, 0x1p-9f, 1000}),
            (std::vector<float>{0, 0x1p-9f, 448}));
}

TEST(OperandRounding, AScaleBringsTheLargestUnderTheFormatsLargest) {
  double scale = 0;
  EXPECT_EQ(Round("e4m3 scaled", {1, 2}, {1000, -1}, &scale), (std::vector<float>{256, -0.25f}));
  EXPECT_EQ(scale, 4);  // 500 would be beyond 448; 1000 / 4 = 250 is nearest to 256
  Round("e4m3 scaled", {1, 2}, {448, 1}, &scale);
  EXPECT_EQ(scale, 1);
  EXPECT_EQ(Round("e4m3 scaled", {1, 1}, {0x1p-20f}, &scale), (std::vector<float>{256}));
  EXPECT_EQ(scale, 0x1p-28);
  EXPECT_EQ(Round("e4m3 scaled", {1, 1}, {0}, &scale), (std::vector<float>{0}));
  EXPECT_EQ(scale, 1);
}

TEST(OperandRounding, BlocksLieAlongKAndDoNotCrossRows) {
  // Rows of 33: a block of 32 and one of 1; the 1000 of one row leaves the next row's scales alone.
  std::vector<float> x(66, 1.0f);
  x[0] = 1000;
  const std::vector<float> y = Round("mxfp4", {2, 33}, x);
  EXPECT_EQ(y[0], 768);  // 6 x 2^7
  EXPECT_EQ(y[1], 0);    // less than a quarter of 2^7
  EXPECT_EQ(y[32], 1);
  EXPECT_EQ(y[33], 1);
  const std::vector<float> whole = Round("mxfp4", {2, 32}, {x.begin(), x.begin() + 64});
  EXPECT_EQ(whole[31], 0);
  EXPECT_EQ(whole[32], 1);
}

TEST(OperandRounding, StochasticRoundingGoesBothWaysAndRepeats) {
  const std::vector<float> x(1000, 1 + 0x1p-9f);  // a quarter of the way from 1 to 1 + 2^-7
  const std::vector<float> y = Round("bf16 stochastic", {1, 1000}, x, nullptr, 1);
  double up = 0;
  for (const float value : y) up += value != 1;
  EXPECT_GT(up, 180);
  EXPECT_LT(up, 320);
  EXPECT_EQ(y, Round("bf16 stochastic", {1, 1000}, x, nullptr, 1));
  EXPECT_NE(y, Round("bf16 stochastic", {1, 1000}, x, nullptr, 2));
}

TEST(OperandRounding, BadNamesAreNamed) {
  EXPECT_THAT(ParseOperandRounding("fp3").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no number format 'fp3'")));
  EXPECT_THAT(ParseOperandRounding("bf16 rounded").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("scaled, stochastic")));
  EXPECT_THAT(ParseOperandRounding("tf32").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("16 bits or fewer")));
  EXPECT_THAT(ParseOperandRounding("").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no format")));
}

}  // namespace
}  // namespace strata::courses
