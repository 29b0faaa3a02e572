#include "courses/llm/serving_ladder/ladder.h"

#include "base/status_matchers.h"
#include "courses/lab/false_claims.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::courses {
namespace {

using ::testing::HasSubstr;

TEST(Ladder, EachRungHelpsWhereItShould) {
  STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<Rung> ladder, ClimbLadder({.warm_up = false}));
  ASSERT_EQ(ladder.size(), 7u);
  for (const Rung& rung : ladder) {
    EXPECT_EQ(rung.measures.completed, 16) << rung.name;
    EXPECT_EQ(rung.measures.total_output, 16 * 24) << rung.name;
  }
  ASSERT_EQ(ClaimsOf(ladder).size(), 7u);
  EXPECT_EQ(FalseClaims(ClaimsOf(ladder)), "");
  // What the first two compute follows from the lengths alone: 16 requests of 96 tokens, 24 answers.
  EXPECT_EQ(ladder[0].work.step_tokens, 16 * (24 * 96 + 23 * 24 / 2));
  EXPECT_EQ(ladder[1].work.step_tokens, 16 * (96 + 23));

  // A rung that is no better than the one below is found, and so is another answer.
  for (size_t i = 1; i < ladder.size(); ++i) {
    std::vector<Rung> rungs = ladder;
    rungs[i] = rungs[i - 1];
    EXPECT_FALSE(ClaimsOf(rungs)[i - 1].holds) << ladder[i].name;
  }
  std::vector<Rung> rungs = ladder;
  rungs[3].answers[5][7] ^= 1;
  EXPECT_FALSE(ClaimsOf(rungs).back().holds);
}

TEST(Ladder, TextsMustFit) {
  EXPECT_THAT(ClimbLadder({.prefix_tokens = 250}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("context holds 256")));
}

}  // namespace
}  // namespace strata::courses
