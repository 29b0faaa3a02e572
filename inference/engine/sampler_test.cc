#include "inference/engine/sampler.h"

#include <cmath>
#include <limits>
#include <vector>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace strata::inference {
namespace {

using ::testing::HasSubstr;

TEST(Sampler, GreedyTakesTheGreatestAndTheFirstOfTies) {
  EXPECT_EQ(SampleToken({1.0f, 3.0f, 3.0f, 2.0f}, {.temperature = 0}, 0), 1);
}

TEST(Sampler, TopKOfOneIsGreedyAtAnyTemperature) {
  for (uint64_t n = 0; n < 50; ++n) {
    EXPECT_EQ(SampleToken({0.0f, 0.5f, 0.4f}, {.temperature = 5, .top_k = 1, .seed = n}, n), 1);
  }
}

TEST(Sampler, SmallTopPKeepsOnlyTheTop) {
  for (uint64_t n = 0; n < 50; ++n) {
    EXPECT_EQ(SampleToken({0.0f, 2.0f, 1.9f}, {.temperature = 1, .top_p = 0.01, .seed = 3}, n), 1);
  }
}

// Frequencies against the softmax. A count is binomial: five standard deviations fail once in two million draws of n,
// and the draws are fixed by the seed.
TEST(Sampler, DrawsFollowTheDistribution) {
  const std::vector<float> logits = {0.0f, 1.0f, 2.0f, -1.0f};
  for (double temperature : {0.5, 1.0, 2.0}) {
    double total = 0;
    std::vector<double> expected;
    for (float logit : logits) total += std::exp(logit / temperature);
    for (float logit : logits) expected.push_back(std::exp(logit / temperature) / total);
    std::vector<int> counts(logits.size());
    constexpr int kDraws = 20000;
    for (uint64_t n = 0; n < kDraws; ++n)
      ++counts[SampleToken(logits, {.temperature = temperature, .seed = 7}, n)];
    for (size_t i = 0; i < logits.size(); ++i) {
      const double deviation = std::sqrt(kDraws * expected[i] * (1 - expected[i]));
      EXPECT_NEAR(counts[i], kDraws * expected[i], 5 * deviation)
          << "token " << i << " at " << temperature;
    }
  }
}

TEST(Sampler, SameSeedSameDrawOtherSeedOtherDraws) {
  const std::vector<float> logits(100, 0.0f);
  int equal = 0;
  for (uint64_t n = 0; n < 100; ++n) {
    EXPECT_EQ(SampleToken(logits, {.seed = 1}, n), SampleToken(logits, {.seed = 1}, n));
    equal += SampleToken(logits, {.seed = 1}, n) == SampleToken(logits, {.seed = 2}, n);
  }
  EXPECT_LT(equal, 10);
}

TEST(Sampler, LogProbabilityIsLogSoftmax) {
  EXPECT_NEAR(LogProbability({0.0f, 0.0f}, 1), std::log(0.5), 1e-12);
  EXPECT_NEAR(LogProbability({1000.0f, 0.0f}, 0), 0.0, 1e-12);
}

TEST(Sampler, TopLogProbabilitiesAreSortedAndCut) {
  const std::vector<float> logits = {0.0f, 2.0f, 1.0f, 2.0f};
  const std::vector<TokenLogProbability> top = TopLogProbabilities(logits, 3);
  ASSERT_EQ(top.size(), 3u);
  EXPECT_EQ(top[0].token, 1);  // of two equals the first
  EXPECT_EQ(top[1].token, 3);
  EXPECT_EQ(top[2].token, 2);
  for (const TokenLogProbability& entry : top) {
    EXPECT_DOUBLE_EQ(entry.log_probability, LogProbability(logits, entry.token));
  }
  EXPECT_EQ(TopLogProbabilities(logits, 9).size(), 4u);
  EXPECT_TRUE(TopLogProbabilities(logits, 0).empty());
}

TEST(Sampler, BadOptionsNameTheField) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(ValidateSampling({.temperature = -1}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("temperature")));
  EXPECT_THAT(ValidateSampling({.temperature = nan}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("temperature")));
  EXPECT_THAT(ValidateSampling({.top_p = 0}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("top_p")));
  EXPECT_THAT(ValidateSampling({.top_k = -1}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("top_k")));
  EXPECT_OK(ValidateSampling({}));
}

}  // namespace
}  // namespace strata::inference
