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

TEST(Sampler, NewFieldsAreCheckedByName) {
  const auto refused = [](const SamplingOptions& options, const char* field) {
    EXPECT_THAT(ValidateSampling(options),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(field)));
  };
  refused({.min_p = 1.5}, "min_p: 1.5");
  refused({.repetition_penalty = 0}, "repetition_penalty");
  refused({.presence_penalty = 3}, "presence_penalty: 3");
  refused({.frequency_penalty = -2.5}, "frequency_penalty");
  refused({.logit_bias = {{-1, 1.0}}}, "logit_bias[-1]");
  refused({.min_tokens = -1}, "min_tokens: -1");
}

TEST(Sampler, MinPKeepsWhatIsLikelyEnoughBesideTheBest) {
  const std::vector<float> logits = {std::log(0.5f), std::log(0.3f), std::log(0.15f),
                                     std::log(0.05f)};
  EXPECT_EQ(ChooseTokens(logits, {.min_p = 0.4}).tokens, (std::vector<int32_t>{0, 1}));
  EXPECT_EQ(ChooseTokens(logits, {.min_p = 0.25}).tokens, (std::vector<int32_t>{0, 1, 2}));
  EXPECT_EQ(ChooseTokens(logits, {.min_p = 1}).tokens, (std::vector<int32_t>{0}));
}

TEST(Sampler, TopPIsAShareOfWhatTopKLeft) {
  const std::vector<float> logits = {std::log(0.4f), std::log(0.3f), std::log(0.2f),
                                     std::log(0.1f)};
  // 0.4 / 0.7 = 0.57 of the two best.
  EXPECT_EQ(ChooseTokens(logits, {.top_p = 0.5, .top_k = 2}).tokens, (std::vector<int32_t>{0}));
  EXPECT_EQ(ChooseTokens(logits, {.top_p = 0.5}).tokens, (std::vector<int32_t>{0, 1}));
}

TEST(Sampler, PenaltiesAndBiasInTheirOrder) {
  Sampler sampler({.temperature = 0,
                   .repetition_penalty = 2,
                   .presence_penalty = 0.5,
                   .frequency_penalty = 0.25,
                   .logit_bias = {{2, 1.0}}},
                  /*prompt=*/{0, 1}, /*ends=*/{});
  const std::vector<float> logits = {4.0f, -1.0f, 1.5f, 2.4f};
  // Token 0: 4 / 2; token 1: -1 * 2; token 2: 1.5 + 1; token 3 as it is.
  EXPECT_EQ(sampler.Sample(logits).value_or(-1), 2);
  sampler.Record(2);  // (1.5 + 1) / 2 - 0.25 - 0.5
  EXPECT_EQ(sampler.Sample(logits).value_or(-1), 3);
  sampler.Record(3);  // 2.4 / 2 - 0.75
  EXPECT_EQ(sampler.Sample(logits).value_or(-1), 0);
}

// What leaves the range of floats is as large as a float can be: the token that it favours is drawn.
TEST(Sampler, PenaltiesAndBiasBeyondFloats) {
  const std::vector<float> logits = {1.0f, 3.0f, 2.0f};
  for (const SamplingOptions& options :
       {SamplingOptions{.repetition_penalty = 1e-40}, SamplingOptions{.repetition_penalty = 1e-60},
        SamplingOptions{.logit_bias = {{2, 1e300}}},
        SamplingOptions{.logit_bias = {{2, 3.4e38}}}}) {
    for (const int64_t top_k : {0, 2}) {
      SamplingOptions filtered = options;
      filtered.top_k = top_k;
      Sampler sampler(filtered, /*prompt=*/{2}, /*ends=*/{});
      STRATA_ASSERT_OK_AND_ASSIGN(const Choices choices, sampler.Distribution(logits));
      EXPECT_EQ(choices.total, 1.0);
      EXPECT_EQ(sampler.Sample(logits).value_or(-1), 2);
    }
  }
  // A token that is held back stays so.
  Sampler sampler({.repetition_penalty = 1e-60, .min_tokens = 1}, /*prompt=*/{1}, /*ends=*/{1});
  STRATA_ASSERT_OK_AND_ASSIGN(const Choices choices, sampler.Distribution(logits));
  EXPECT_EQ(choices.weights[1], 0);
}

TEST(Sampler, NoEndBeforeMinTokens) {
  Sampler sampler({.temperature = 0, .min_tokens = 2}, {}, /*ends=*/{1});
  const std::vector<float> logits = {1.0f, 5.0f, 2.0f};
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(sampler.Sample(logits).value_or(-1), 2);
    sampler.Record(2);
  }
  EXPECT_EQ(sampler.Sample(logits).value_or(-1), 1);
}

TEST(Sampler, BrokenLogitsAreAnErrorAndNoToken) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  Sampler sampler({}, {}, {});
  for (const std::vector<float>& logits :
       {std::vector<float>{1, nan}, {infinity, 1}, {-infinity, -infinity}}) {
    EXPECT_THAT(sampler.Sample(logits),
                StatusIs(absl::StatusCode::kInternal, HasSubstr("not finite")));
  }
  EXPECT_EQ(sampler.Sample(std::vector<float>{-infinity, 1}).value_or(-1), 1);
}

// Filtered draws against the filtered softmax, as above.
TEST(Sampler, FilteredDrawsFollowTheFilteredDistribution) {
  const std::vector<float> logits = {0.0f, 1.0f, 2.0f, -1.0f, 1.5f};
  const SamplingOptions options = {.temperature = 0.8, .top_p = 0.9, .top_k = 4, .seed = 11};
  const Choices choices = ChooseTokens(logits, options);
  constexpr int kDraws = 20000;
  std::vector<int> counts(logits.size());
  for (uint64_t n = 0; n < kDraws; ++n) ++counts[SampleToken(logits, options, n)];
  int counted = 0;
  for (size_t i = 0; i < choices.tokens.size(); ++i) {
    const double p = choices.weights[i] / choices.total;
    counted += counts[choices.tokens[i]];
    EXPECT_NEAR(counts[choices.tokens[i]], kDraws * p, 5 * std::sqrt(kDraws * p * (1 - p)));
  }
  EXPECT_EQ(counted, kDraws);
}

// Tokens a, b, ab, <end>; texts (ab)*c?, of which c cannot be written.
class BoundSampler : public ::testing::Test {
 protected:
  static Sampler Make(SamplingOptions options, const grammar::Expr& body) {
    const auto trie = std::make_shared<const grammar::TokenTrie>(
        grammar::TokenTrie::Build({"a", "b", "ab", "<end>"}, {false, false, false, true}));
    return Sampler(options, {}, /*ends=*/{3},
                   *grammar::TokenGrammar::Create(grammar::OneRule(body), trie));
  }
  static grammar::Expr Pairs() { return grammar::Repeat(grammar::Text("ab")); }
};

TEST_F(BoundSampler, TakesTheBestTokenThatIsAllowed) {
  Sampler sampler = Make({.temperature = 0}, Pairs());
  const std::vector<float> logits = {1, 5, 2, 0, 9};  // the last is no token of the vocabulary
  EXPECT_EQ(sampler.Sample(logits).value_or(-1), 2);
  sampler.Record(0);
  EXPECT_EQ(sampler.Sample(logits).value_or(-1), 1);
  EXPECT_EQ(sampler.Sample({9, 1, 9, 9, 9}).value_or(-1), 1);  // no end in the middle
  sampler.Record(1);
  EXPECT_EQ(sampler.Sample({1, 9, 2, 3, 9}).value_or(-1), 3);
  EXPECT_FALSE(sampler.complete());
}

TEST_F(BoundSampler, NoOptionBringsBackWhatIsForbidden) {
  SamplingOptions options{.temperature = 1, .top_p = 0.9, .min_p = 0.01, .repetition_penalty = 1.5};
  options.logit_bias = {{1, 100}};
  options.presence_penalty = -2;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    options.seed = seed;
    Sampler sampler = Make(options, Pairs());
    for (int i = 0; i < 6; ++i) {
      STRATA_ASSERT_OK_AND_ASSIGN(const int32_t token, sampler.Sample({0.1f, 3, 0.2f, 0, 3}));
      EXPECT_EQ(sampler.Allowed({token}), 1u);
      EXPECT_NE(token, 4);
      sampler.Record(token);
      if (token == 3) break;
    }
  }
}

TEST_F(BoundSampler, EndsComeAfterMinTokensOnly) {
  Sampler sampler = Make({.temperature = 0, .min_tokens = 1}, Pairs());
  EXPECT_EQ(sampler.Sample({0, 0, 1, 9}).value_or(-1), 2);
  sampler.Record(2);
  EXPECT_EQ(sampler.Sample({0, 0, 1, 9}).value_or(-1), 3);
}

TEST_F(BoundSampler, IsCompleteWhereNothingMayFollow) {
  Sampler sampler = Make({.temperature = 0}, grammar::Text("ab"));
  EXPECT_FALSE(sampler.complete());
  sampler.Record(2);
  EXPECT_TRUE(sampler.complete());
  EXPECT_EQ(sampler.Sample({0, 0, 1, -5}).value_or(-1), 3);
}

TEST_F(BoundSampler, ADeadEndIsAnError) {
  Sampler unwritable = Make({.temperature = 0}, grammar::Text("ac"));
  unwritable.Record(0);
  EXPECT_THAT(unwritable.Sample({1, 1, 1, 1}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("allows no token here")));
  Sampler broken = Make({.temperature = 0}, Pairs());
  broken.Record(1);  // not allowed
  EXPECT_THAT(broken.Sample({1, 1, 1, 1}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("does not fit the grammar")));
}

}  // namespace
}  // namespace strata::inference
