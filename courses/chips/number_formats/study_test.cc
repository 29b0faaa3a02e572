// The lab's claims on a smaller model and fewer steps; those on where losses end: losses_test.cc.
#include "courses/chips/number_formats/study.h"

#include "base/status_matchers.h"
#include "courses/chips/number_formats/code_tables.h"
#include "courses/chips/number_formats/report.h"
#include "courses/lab/false_claims.h"
#include "gtest/gtest.h"

namespace strata::courses {
namespace {

StudyOptions Small() {
  StudyOptions options;
  options.training.sizes.batch = 2;
  options.training.sizes.tokens = 16;
  options.training.sizes.layers = 1;
  options.training.steps = 40;
  options.training.learning_rate = 5e-3;
  options.samples = 8192;
  options.long_enough = false;
  return options;
}

TEST(NumberFormats, EveryClaimHolds) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Study study, RunStudy(Small()));
  const std::vector<Claim> claims = ClaimsOf(study);
  EXPECT_EQ(claims.size(), 11u);
  EXPECT_EQ(FalseClaims(claims), "");
  EXPECT_TRUE(MakeReport(study).passed());
  const auto fails = [&](size_t place, const auto& spoil) {
    return FailsWhen(study, place, spoil);
  };
  const auto noise = [](Study& s, const char* name) -> NoisePoint& {
    return Mutable(s.Noise(name));
  };
  const auto run = [](Study& s, const char* name) -> FormatRun& { return Mutable(s.Run(name)); };
  EXPECT_TRUE(fails(1, [&](Study& s) { noise(s, "e5m2").normal += 2; }));
  EXPECT_TRUE(fails(2, [&](Study& s) { noise(s, "i8").heavy = noise(s, "i8").normal; }));
  EXPECT_TRUE(fails(3, [&](Study& s) { noise(s, "e4m3").heavy -= 3; }));
  EXPECT_TRUE(fails(4, [&](Study& s) { noise(s, "mxfp4").heavy = noise(s, "nvfp4").heavy; }));
  EXPECT_TRUE(fails(5, [](Study& s) { s.stall.nearest.back() = 2; }));
  EXPECT_TRUE(fails(6, [](Study& s) { s.means.stochastic.back() = s.means.nearest[0]; }));
  EXPECT_TRUE(fails(7, [&](Study& s) { run(s, "bf16").gradient_error = 1; }));
  EXPECT_TRUE(fails(8, [&](Study& s) { run(s, "bf16").distance = 1; }));
  EXPECT_TRUE(fails(
      9, [&](Study& s) { run(s, "fp8, E4M3 gradients, no scales").run = s.Run("fp32").run; }));
  EXPECT_TRUE(
      fails(10, [&](Study& s) { run(s, "bf16 weights, nearest").run.unchanged.back() = 0; }));
}

TEST(NumberFormats, CodeTablesShowEveryCode) {
  const Table e4m3 = CodeTable(chips::Format::kE4M3);
  ASSERT_EQ(e4m3.rows.size(), 16u);
  EXPECT_EQ(e4m3.rows[0][1].text, "0");
  EXPECT_EQ(e4m3.rows[0][2].text, "0.00195312");  // 2^-9
  EXPECT_EQ(e4m3.rows[7][1].text, "1");
  EXPECT_EQ(e4m3.rows[15][7].text, "448");
  EXPECT_EQ(e4m3.rows[15][8].text, "NaN");
  const Table e5m2 = CodeTable(chips::Format::kE5M2);
  EXPECT_EQ(e5m2.rows[31][1].text, "∞");
  const Table i4 = CodeTable(chips::Format::kI4);
  ASSERT_EQ(i4.rows.size(), 1u);
  EXPECT_EQ(i4.rows[0][9].text, "-8");
  EXPECT_EQ(CodeTable(chips::Format::kE8M0).rows[15][16].text, "NaN");
  EXPECT_EQ(CodeTable(chips::Format::kE2M1).rows[3][2].text, "6");
}

TEST(NumberFormats, RunsRepeat) {
  StudyOptions options = Small();
  options.training.steps = 3;
  STRATA_ASSERT_OK_AND_ASSIGN(const Study a, RunStudy(options));
  STRATA_ASSERT_OK_AND_ASSIGN(const Study b, RunStudy(options));
  EXPECT_EQ(ToJson(a), ToJson(b));
}

}  // namespace
}  // namespace strata::courses
