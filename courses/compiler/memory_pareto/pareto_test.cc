// The lab's claims on a small model: the test fails when one of them is false.
#include "courses/compiler/memory_pareto/pareto.h"

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::courses {
namespace {

TEST(MemoryParetoTest, EveryClaimHolds) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Pareto pareto, SweepMemory(ParetoModel{}, 0));
  EXPECT_GE(pareto.points.size(), 4u);
  for (const Claim& claim : ClaimsOf(pareto))
    EXPECT_TRUE(claim.holds) << claim.claim << ": " << claim.evidence;
  if (!pareto.refusal.empty()) {
    EXPECT_THAT(pareto.refusal, ::testing::HasSubstr("the smallest budget reachable is"));
  }
}

}  // namespace
}  // namespace strata::courses
