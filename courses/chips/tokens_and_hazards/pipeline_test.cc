// The lab's claims: the test fails when one of them is false.
#include "courses/chips/tokens_and_hazards/pipeline.h"

#include <utility>

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

// Whether the claim fails while the field has another value. A lab cannot be copied.
template <typename T>
bool FailsWith(const Lab& lab, size_t place, T& field, T other) {
  std::swap(field, other);
  const bool fails = !ClaimsOf(lab).at(place).holds;
  std::swap(field, other);
  return fails;
}

TEST(TokensAndHazardsTest, SpoiledResultsAreNoticed) {
  STRATA_ASSERT_OK_AND_ASSIGN(Lab lab, RunLab());
  Pipeline& edge = lab.pipelines[0];
  Version &serial = edge.versions.front(), &last = edge.versions.back();
  EXPECT_TRUE(FailsWith<int64_t>(lab, 0, edge.versions[1].wrong, 1));
  EXPECT_TRUE(
      FailsWith(lab, 1, last.run.memories[0].read_bytes, serial.run.memories[0].read_bytes + 1));
  EXPECT_TRUE(FailsWith(lab, 2, edge.versions[2].run.cycles, edge.versions[1].run.cycles));
  EXPECT_TRUE(FailsWith(lab, 3, last.run.cycles, serial.run.cycles));
  EXPECT_TRUE(FailsWith(lab, 4, edge.versions[1].run.cycles, last.run.cycles));
  EXPECT_TRUE(FailsWith(lab, 5, edge.dram_cycles, last.run.cycles + 1));
  EXPECT_TRUE(FailsWith<std::string>(lab, 6, edge.removals[0].finding, ""));
  EXPECT_TRUE(FailsWith<std::string>(lab, 7, edge.removals[0].finding, ""));
  EXPECT_TRUE(FailsWith(lab, 9, lab.deadlock_run, absl::OkStatus()));
  EXPECT_EQ(FalseClaims(ClaimsOf(lab)), "");
  for (Pipeline& pipeline : lab.pipelines)
    for (Removal& removal : pipeline.removals) removal.wrong = 1;
  EXPECT_FALSE(ClaimsOf(lab).at(8).holds);
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
