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
  const auto fails = [&](size_t place, const auto& spoil) {
    return FailsWhen(pareto, place, spoil);
  };
  EXPECT_TRUE(fails(0, [](Pareto& p) { ++p.points[1].flops; }));
  EXPECT_TRUE(fails(1, [](Pareto& p) { p.points[p.least_cut].extra_flops = p.points[1].flops; }));
  EXPECT_TRUE(fails(2, [](Pareto& p) { p.points.back().budget = 1; }));
  EXPECT_TRUE(fails(3, [](Pareto& p) { p.points.back().extra_flops = -1; }));
  EXPECT_TRUE(fails(4, [](Pareto& p) { p.points.back().extra_flops = p.points[0].flops; }));
  EXPECT_TRUE(fails(5, [](Pareto& p) { p.points[0].memory.arena *= 2; }));
  EXPECT_TRUE(fails(6, [](Pareto& p) { p.points[1].loss *= 2; }));
  if (!pareto.refusal.empty()) {
    EXPECT_THAT(pareto.refusal, ::testing::HasSubstr("the smallest budget reachable is"));
  }
}

}  // namespace
}  // namespace strata::courses
