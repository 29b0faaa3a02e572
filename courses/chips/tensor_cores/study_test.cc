// The lab's claims on a smaller model, fewer steps and shorter sums.
#include "courses/chips/tensor_cores/study.h"

#include "base/status_matchers.h"
#include "courses/chips/tensor_cores/report.h"
#include "courses/lab/false_claims.h"
#include "gtest/gtest.h"

namespace strata::courses {
namespace {

TEST(TensorCores, EveryClaimHolds) {
  StudyOptions options;
  options.training.sizes.batch = 2;
  options.training.sizes.tokens = 16;
  options.training.sizes.layers = 1;
  options.training.steps = 30;
  options.training.learning_rate = 3e-3;
  options.most_products = 4096;
  STRATA_ASSERT_OK_AND_ASSIGN(const Study study, RunStudy(options));
  const std::vector<Claim> claims = ClaimsOf(study);
  EXPECT_EQ(claims.size(), 13u);
  EXPECT_EQ(FalseClaims(claims), "");
  const Report report = MakeReport(study);
  EXPECT_TRUE(report.passed());
  EXPECT_NE(report.Html().find("hopper bf16"), std::string::npos);
}

}  // namespace
}  // namespace strata::courses
