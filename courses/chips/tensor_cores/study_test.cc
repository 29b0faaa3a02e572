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
  const auto fails = [&](size_t place, const auto& spoil) {
    return FailsWhen(study, place, spoil);
  };
  const auto bias = [](const Study& s, const char* unit) -> double& {
    return Mutable(s.Sum(unit)).bias[6];  // of 4096 products
  };
  const auto run = [](const Study& s, const char* name) -> ChipRun& {
    return Mutable(s.Run(name));
  };
  const auto raise = [](std::vector<double>& losses) {
    for (double& loss : losses) loss += 1;
  };
  EXPECT_TRUE(fails(0, [&](Study& s) { bias(s, "V100 fp16") = 1; }));
  EXPECT_TRUE(fails(1, [&](Study& s) { bias(s, "V100 fp16") = s.Sum("V100 fp16").bias[3]; }));
  EXPECT_TRUE(fails(2, [&](Study& s) { bias(s, "V100 fp16") = bias(s, "H100 bf16"); }));
  EXPECT_TRUE(fails(3, [&](Study& s) { bias(s, "B200 bf16") *= 2; }));
  EXPECT_TRUE(fails(4, [&](Study& s) { bias(s, "MI300X bf16") = 1; }));
  EXPECT_TRUE(fails(5, [&](Study& s) { bias(s, "H100 fp8") = 0; }));
  EXPECT_TRUE(fails(6, [&](Study& s) { bias(s, "H100 fp8, promoted every 128") = 1; }));
  EXPECT_TRUE(fails(7, [&](Study& s) { run(s, "B200 bf16").run.losses[0] += 1; }));
  EXPECT_TRUE(fails(8, [&](Study& s) { run(s, "H100 bf16").gradient_error = 1; }));
  EXPECT_TRUE(fails(9, [&](Study& s) { run(s, "B200 fp8").gradient_error = 1; }));
  EXPECT_TRUE(fails(10, [&](Study& s) { run(s, "V100 fp16").distance.front() = 1; }));
  EXPECT_TRUE(fails(11, [&](Study& s) { raise(run(s, "V100 fp16").run.losses); }));
  EXPECT_TRUE(fails(12, [&](Study& s) { raise(run(s, "H100 fp8").run.losses); }));
  const Report report = MakeReport(study);
  EXPECT_TRUE(report.passed());
  EXPECT_NE(report.Html().find("hopper bf16"), std::string::npos);
}

}  // namespace
}  // namespace strata::courses
