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
