// The lab's claims: the test fails when one of them is false.
#include "courses/chips/tokens_and_hazards/pipeline.h"

#include "base/status_matchers.h"
#include "courses/lab/false_claims.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::courses {
namespace {

using ::testing::ElementsAre;

TEST(TokensAndHazardsTest, EveryClaimHolds) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Lab lab, RunLab());
  EXPECT_EQ(FalseClaims(ClaimsOf(lab)), "");
  for (const Pipeline& pipeline : lab.pipelines) {
    for (const Removal& removal : pipeline.removals) {
      EXPECT_NE(removal.finding, "") << removal.version << " without " << removal.token;
    }
  }
}

TEST(TokensAndHazardsTest, TakesOutOneTokenAndKeepsLines) {
  const std::string text =
      "signal  load, matrix, 0   # there\n  wait load,matrix, 0\nwait load, matrix, 1\nfence\n";
  EXPECT_THAT(TokensOf(text), ElementsAre("load, matrix, 0", "load, matrix, 1"));
  EXPECT_EQ(WithoutToken(text, "load, matrix, 0"), "\n\nwait load, matrix, 1\nfence\n");
  EXPECT_EQ(WithoutToken(text, "load, matrix, 2"), text);
  const std::string flags = "set_flag M, V, 0\npipe_barrier V  # sees itself\nwait_flag M, V, 0";
  EXPECT_THAT(TokensOf(flags), ElementsAre("M, V, 0", "pipe_barrier V"));
  EXPECT_EQ(WithoutToken(flags, "pipe_barrier V"), "set_flag M, V, 0\n\nwait_flag M, V, 0");
}

}  // namespace
}  // namespace strata::courses
