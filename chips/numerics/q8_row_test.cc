#include "chips/numerics/q8_row.h"

#include <cmath>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace strata::chips {
namespace {

TEST(RoundRowQ8Test, TheLargestMagnitudeIs127) {
  std::vector<float> x(64);
  for (int i = 0; i < 64; ++i) x[static_cast<size_t>(i)] = static_cast<float>(i - 20);
  int8_t codes[64];
  float scales[2];
  RoundRowQ8(x.data(), 2, codes, scales);
  EXPECT_EQ(scales[0], 20.0f / 127);
  EXPECT_EQ(codes[0], -127);
  EXPECT_EQ(codes[20], 0);
  EXPECT_EQ(scales[1], 43.0f / 127);
  EXPECT_EQ(codes[63], 127);
  for (size_t i = 0; i < 64; ++i)
    EXPECT_LE(std::fabs(scales[i / 32] * static_cast<float>(codes[i]) - x[i]), scales[i / 32] / 2);
}

TEST(RoundRowQ8Test, TiesGoToEven) {
  std::vector<float> x(32, 0.0f);
  x[0] = 127;
  x[1] = 0.5f;
  x[2] = 1.5f;
  x[3] = -2.5f;
  int8_t codes[32];
  float scale;
  RoundRowQ8(x.data(), 1, codes, &scale);
  EXPECT_EQ(scale, 1.0f);
  EXPECT_EQ(codes[1], 0);
  EXPECT_EQ(codes[2], 2);
  EXPECT_EQ(codes[3], -2);
}

TEST(RoundRowQ8Test, ZerosTinyNumbersAndWhatIsNotFinite) {
  std::vector<float> x(128, 0.0f);
  x[33] = 0x1p-101f;
  x[65] = std::numeric_limits<float>::infinity();
  x[97] = 1;
  x[98] = std::numeric_limits<float>::quiet_NaN();
  int8_t codes[128];
  float scales[4];
  RoundRowQ8(x.data(), 4, codes, scales);
  EXPECT_EQ(scales[0], 0);
  EXPECT_EQ(scales[1], 0);
  EXPECT_TRUE(std::isnan(scales[2]) && std::isnan(scales[3]));
  for (int8_t code : codes) EXPECT_EQ(code, 0);
}

}  // namespace
}  // namespace strata::chips
