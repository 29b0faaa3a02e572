// The lab's claims on a smaller model, and its parts against what can be computed by hand.
#include "courses/llm/train_to_serve/pipeline.h"

#include <cmath>

#include "base/file.h"
#include "base/status_matchers.h"
#include "courses/lab/false_claims.h"
#include "courses/llm/train_to_serve/held_out.h"
#include "courses/llm/train_to_serve/report.h"
#include "courses/llm/train_to_serve/stories.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::courses {
namespace {

using ::testing::HasSubstr;

TEST(TrainToServe, EveryClaimHolds) {
  PipelineOptions options;
  options.folder = JoinPath(testing::TempDir(), "train_to_serve");
  options.stories = 1000;
  options.held_out = 32;
  options.width = 64;
  options.batch = 8;
  options.sequence = 64;
  options.steps = 150;
  options.learning_rate = 8e-3;
  options.formats = {"f32", "bf16", "q8_0", "q4_0"};
  STRATA_ASSERT_OK_AND_ASSIGN(const Pipeline run, RunPipeline(options));
  const std::vector<Claim> claims = ClaimsOf(run);
  EXPECT_EQ(claims.size(), 14u);
  EXPECT_EQ(FalseClaims(claims), "");
  EXPECT_TRUE(MakeReport(run).passed());
  const auto fails = [&](size_t place, const auto& spoil) { return FailsWhen(run, place, spoil); };
  EXPECT_TRUE(fails(0, [](Pipeline& r) { r.unigram_entropy = 0; }));
  EXPECT_TRUE(fails(1, [](Pipeline& r) { r.bigram_entropy = 0; }));
  EXPECT_TRUE(fails(2, [](Pipeline& r) { r.source_bits *= 100; }));
  for (size_t i = 0; i < 4; ++i)
    EXPECT_TRUE(fails(3 + i, [&](Pipeline& r) { r.formats[i].file.fallbacks = {"a matrix"}; }));
  for (size_t i = 1; i < 4; ++i)
    EXPECT_TRUE(fails(6 + i, [&](Pipeline& r) { r.formats[i].divergence = 10; }));
  EXPECT_TRUE(fails(10, [](Pipeline& r) { r.formats[2].divergence = r.formats[3].divergence; }));
  EXPECT_TRUE(fails(11, [](Pipeline& r) { r.round_trip_changed = 1; }));
  EXPECT_TRUE(fails(12, [](Pipeline& r) { r.formats[1].same_tokens = false; }));
  EXPECT_TRUE(fails(13, [](Pipeline& r) { r.answers[0].served_tokens.clear(); }));
}

TEST(TrainToServe, OptionsMustFitTogether) {
  EXPECT_THAT(RunPipeline({}), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("folder")));
  const std::string folder = testing::TempDir();
  EXPECT_THAT(RunPipeline({.folder = folder, .width = 96}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("width 96")));
  EXPECT_THAT(RunPipeline({.folder = folder, .formats = {"q8_0"}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("f32 must be the first")));
  EXPECT_THAT(RunPipeline({.folder = folder, .formats = {"f32"}, .served = "q4_0"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("q4_0")));
}

TEST(Stories, TheirBitsAreThoseOfTheirChoices) {
  const std::vector<Story> stories = WriteStories(200, 3);
  for (const Story& story : stories) {
    // Four words of eight; then two lines of 2 bits each, and 3, 5 or 6 for their words.
    const double rest = story.bits - 4 * 3 - 2 * 2;
    EXPECT_GE(rest, 6) << story.text;
    EXPECT_LE(rest, 12) << story.text;
    EXPECT_EQ(rest, std::round(rest)) << story.text;
  }
  EXPECT_EQ(WriteStories(200, 3)[7].text, stories[7].text);
  EXPECT_EQ(JoinStories({{"a", 1}, {"b", 1}}), "<|endoftext|>a<|endoftext|>b<|endoftext|>");
}

TEST(HeldOut, EntropiesOfFrequencies) {
  EXPECT_NEAR(UnigramEntropy({1, 2, 3, 4}), std::log(4.0), 1e-12);
  EXPECT_NEAR(UnigramEntropy({7, 7, 7}), 0, 1e-12);
  // After 1 come 2 and 3, after 2 and 3 always 1.
  EXPECT_NEAR(BigramEntropy({1, 2, 1, 3, 1}), 2 * std::log(2.0) / 4, 1e-12);
}

TEST(HeldOut, DivergenceAndPerplexityByHand) {
  const HeldOut a = {
      .vocabulary = 2,
      .targets = {0, 1},
      .log_softmax = {std::log(0.5f), std::log(0.5f), std::log(0.25f), std::log(0.75f)}};
  HeldOut b = a;
  EXPECT_NEAR(Divergence(a, b), 0, 1e-9);
  b.log_softmax = {std::log(0.25f), std::log(0.75f), std::log(0.25f), std::log(0.75f)};
  EXPECT_NEAR(Divergence(a, b), (0.5 * std::log(2.0) + 0.5 * std::log(0.5 / 0.75)) / 2, 1e-6);
  EXPECT_NEAR(NatsPerToken(a), -(std::log(0.5) + std::log(0.75)) / 2, 1e-6);
}

}  // namespace
}  // namespace strata::courses
