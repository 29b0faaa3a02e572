// The lab as it is run, with its claims on where losses end: the whole model and all steps.
#include "base/status_matchers.h"
#include "courses/chips/number_formats/study.h"
#include "courses/lab/false_claims.h"
#include "gtest/gtest.h"

namespace strata::courses {
namespace {

TEST(NumberFormats, EveryClaimOfTheFullRunHolds) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Study study, RunStudy(StudyOptions()));
  const std::vector<Claim> claims = ClaimsOf(study);
  EXPECT_EQ(claims.size(), 15u);
  EXPECT_EQ(FalseClaims(claims), "");
}

}  // namespace
}  // namespace strata::courses
