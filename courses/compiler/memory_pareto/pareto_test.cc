// The lab's claims on a small model: the test fails when one of them is false.
#include "courses/compiler/memory_pareto/pareto.h"

#include "base/status_matchers.h"
#include "courses/lab/false_claims.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::courses {
namespace {

TEST(MemoryParetoTest, EveryClaimHolds) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Pareto pareto, SweepMemory(ParetoModel{}, 0));
  EXPECT_GE(pareto.points.size(), 4u);
  EXPECT_EQ(FalseClaims(ClaimsOf(pareto)), "");
  if (!pareto.refusal.empty()) {
    EXPECT_THAT(pareto.refusal, ::testing::HasSubstr("the smallest budget reachable is"));
  }
}

}  // namespace
}  // namespace strata::courses
