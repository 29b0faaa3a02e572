// The lab's claims, on the study that the page shows.
#include "base/status_matchers.h"
#include "courses/distributed/moe_routing/study.h"
#include "gtest/gtest.h"

namespace strata::courses {
namespace {

TEST(MoeRoutingTest, ClaimsHold) {
  STRATA_ASSERT_OK_AND_ASSIGN(const RoutingStudy study, RunStudy({}));
  for (const RoutingClaim& claim : ClaimsOf(study))
    EXPECT_TRUE(claim.holds) << claim.claim << ": " << claim.evidence;
}

TEST(MoeRoutingTest, MeasuresOfLoad) {
  EXPECT_EQ(MaxOverMean({1, 1, 1, 1}), 1);
  EXPECT_EQ(MaxOverMean({4, 0, 0, 0}), 4);
  EXPECT_NEAR(RelativeEntropy({3, 3}), 1, 1e-12);
  EXPECT_NEAR(RelativeEntropy({1, 0, 0}), 0, 1e-12);
}

}  // namespace
}  // namespace strata::courses
