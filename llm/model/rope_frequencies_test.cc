#include "llm/model/rope_frequencies.h"

#include <cmath>

#include "gtest/gtest.h"
#include "llm/model/config.h"

namespace strata::llm {
namespace {

DecoderConfig WithRope(const Rope& rope, int64_t context) {
  DecoderConfig config;
  config.set_architecture("llama");
  config.set_vocab_size(8);
  config.set_context(context);
  config.set_layers(1);
  config.set_width(256);
  config.set_heads(2);
  config.set_mlp_width(8);
  *config.mutable_rope() = rope;
  return *CompleteConfig(config);
}

Rope Scaled(RopeScaling scaling, double theta, double factor, int64_t original) {
  Rope rope;
  rope.set_theta(theta);
  rope.set_scaling(scaling);
  rope.set_factor(factor);
  rope.set_original_context(original);
  return rope;
}

TEST(RopeFrequencies, PlainAndLinear) {
  Rope rope;
  rope.set_theta(500000);
  const DecoderConfig plain = WithRope(rope, 8192);
  const std::vector<double> f = RopeFrequencies(plain, false);
  ASSERT_EQ(f.size(), 64u);
  EXPECT_EQ(f[0], 1);
  EXPECT_NEAR(f[32], std::pow(500000, -0.5), 1e-15);
  double theta = 0;
  EXPECT_TRUE(RopeIsPlain(plain, false, &theta));
  EXPECT_EQ(theta, 500000);
  const std::vector<double> linear =
      RopeFrequencies(WithRope(Scaled(ROPE_LINEAR, 500000, 4, 0), 8192), false);
  for (size_t i = 0; i < f.size(); ++i) EXPECT_DOUBLE_EQ(linear[i], f[i] / 4);
}

// At width 2: theta does not matter; at greater ones the highest frequency is kept, and the lowest is divided by
// about the factor of the context, factor^2 - factor + 1.
TEST(RopeFrequencies, NtkKeepsTheHighestAndInterpolatesTheLowest) {
  const DecoderConfig config = WithRope(Scaled(ROPE_NTK, 10000, 2, 2048), 4096);
  const std::vector<double> f = RopeFrequencies(config, false);
  EXPECT_EQ(f[0], 1);
  EXPECT_NEAR(f[63], std::pow(10000, -126.0 / 128) / 3, 1e-9);
}

// Llama 3.1's: wavelengths below 8192 / 4 are kept, those above 8192 divided by 8.
TEST(RopeFrequencies, Llama3KeepsShortAndDividesLongWavelengths) {
  const DecoderConfig config = WithRope(Scaled(ROPE_LLAMA3, 500000, 8, 8192), 131072);
  const std::vector<double> f = RopeFrequencies(config, false);
  for (size_t i = 0; i < f.size(); ++i) {
    const double plain = std::pow(500000, -2 * static_cast<double>(i) / 128);
    const double wavelength = 2 * M_PI / plain;
    if (wavelength < 2048) {
      EXPECT_DOUBLE_EQ(f[i], plain);
    } else if (wavelength > 8192) {
      EXPECT_DOUBLE_EQ(f[i], plain / 8);
    } else {
      const double smooth = (8192 / wavelength - 1) / 3;
      EXPECT_NEAR(f[i], (1 - smooth) * plain / 8 + smooth * plain, 1e-15);
    }
  }
  EXPECT_EQ(RopeMagnitude(config, false), 1);
}

// Pairs that turn more than 32 times in the original context keep their frequency, less than once: a factor-th of it.
TEST(RopeFrequencies, YarnRampsBetweenItsTurns) {
  const DecoderConfig config = WithRope(Scaled(ROPE_YARN, 10000, 16, 4096), 65536);
  const std::vector<double> f = RopeFrequencies(config, false);
  double last = 2;
  for (size_t i = 0; i < f.size(); ++i) {
    const double plain = std::pow(10000, -2 * static_cast<double>(i) / 128);
    const double turns = 4096 * plain / (2 * M_PI), ratio = f[i] / plain;
    if (turns > 40) {
      EXPECT_DOUBLE_EQ(ratio, 1) << i;
    }
    if (turns < 0.9) {
      EXPECT_DOUBLE_EQ(ratio, 1.0 / 16) << i;
    }
    EXPECT_LE(ratio, last) << i;
    last = ratio;
  }
  EXPECT_NEAR(RopeMagnitude(config, false), 0.1 * std::log(16) + 1, 1e-12);
  EXPECT_EQ(RopeScoreFactor(config), 1);
}

// DeepSeek-V3: factor 40, mscale and mscale_all_dim 1: the magnitudes cancel, the scores grow.
TEST(RopeFrequencies, DeepSeeksMagnitudes) {
  Rope rope = Scaled(ROPE_YARN, 10000, 40, 4096);
  rope.set_mscale(1);
  rope.set_mscale_all_dim(1);
  const DecoderConfig config = WithRope(rope, 163840);
  EXPECT_DOUBLE_EQ(RopeMagnitude(config, false), 1);
  EXPECT_NEAR(RopeScoreFactor(config), std::pow(0.1 * std::log(40) + 1, 2), 1e-12);
}

TEST(RopeFrequencies, LongRopeTakesTheFactorsOfItsContext) {
  Rope rope = Scaled(ROPE_FACTORS, 10000, 0, 4096);
  for (int i = 0; i < 64; ++i) {
    rope.add_short_factors(1);
    rope.add_long_factors(2 + i);
  }
  EXPECT_EQ(RopeFrequencies(WithRope(rope, 4096), false)[0], 1);
  EXPECT_EQ(RopeMagnitude(WithRope(rope, 4096), false), 1);
  EXPECT_EQ(RopeFrequencies(WithRope(rope, 131072), false)[0], 0.5);
  EXPECT_NEAR(RopeMagnitude(WithRope(rope, 131072), false),
              std::sqrt(1 + std::log(32) / std::log(4096)), 1e-12);
}

TEST(RopeFrequencies, LocalLayersHaveTheirThetaUnscaled) {
  Rope rope = Scaled(ROPE_LINEAR, 1e6, 8, 0);
  rope.set_local_theta(10000);
  const DecoderConfig config = WithRope(rope, 4096);
  EXPECT_NEAR(RopeFrequencies(config, true)[32], 0.01, 1e-15);
  EXPECT_NEAR(RopeFrequencies(config, false)[32], 0.001 / 8, 1e-15);
}

}  // namespace
}  // namespace strata::llm
