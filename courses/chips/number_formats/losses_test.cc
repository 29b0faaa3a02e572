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
  const auto fails_as_fp32 = [&](size_t place, const char* name, double more) {
    return FailsWhen(study, place, [&](Study& s) {
      TrainingRun& run = Mutable(s.Run(name)).run;
      run = s.Run("fp32").run;
      for (double& loss : run.losses) loss += more;
    });
  };
  EXPECT_TRUE(fails_as_fp32(11, "bf16", 0.02));
  EXPECT_TRUE(fails_as_fp32(12, "NVFP4", 0));
  EXPECT_TRUE(fails_as_fp32(13, "MXFP4, stochastic gradients", 1));
  EXPECT_TRUE(fails_as_fp32(14, "bf16 weights, nearest", 0));
}

}  // namespace
}  // namespace strata::courses
