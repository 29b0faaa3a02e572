// The lab's claims, where they do not depend on the clock.
#include "base/status_matchers.h"
#include "compiler/gemm/ladder.h"
#include "courses/compiler/gemm_ladder/claims.h"
#include "courses/lab/false_claims.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::courses {
namespace {

using ::testing::HasSubstr;

std::vector<compiler::GemmRung> Climb(const compiler::GemmProblem& problem) {
  compiler::LadderOptions options;
  options.seconds = 0;
  options.cache_dir = ::testing::TempDir();
  auto rungs = compiler::ClimbGemmLadder(problem, options);
  EXPECT_OK(rungs.status());
  return rungs.ok() ? *rungs : std::vector<compiler::GemmRung>();
}

TEST(GemmLadderTest, EveryCountedClaimHolds) {
  for (const compiler::GemmProblem& problem : {compiler::GemmProblem{.M = 70, .N = 128, .K = 50},
                                               compiler::GemmProblem{.M = 33, .N = 64, .K = 65}}) {
    const std::vector<compiler::GemmRung> rungs = Climb(problem);
    ASSERT_EQ(rungs.size(), 5u);
    EXPECT_EQ(FalseClaims(CountedClaims(rungs)), "");
  }
}

TEST(GemmLadderTest, AFalseClaimIsSeen) {
  std::vector<compiler::GemmRung> rungs = Climb({.M = 70, .N = 128, .K = 50});
  ASSERT_EQ(rungs.size(), 5u);
  rungs[1].counts.lines = rungs[0].counts.lines;
  rungs[4].error = 1.5;
  int broken = 0;
  for (const Claim& claim : CountedClaims(rungs)) broken += !claim.holds;
  EXPECT_EQ(broken, 2);
  rungs[0].seconds = 1;
  rungs[1].seconds = 2;
  EXPECT_FALSE(MeasuredClaims(rungs)[0].holds);
}

TEST(GemmLadderTest, OtherProductsAreRefused) {
  EXPECT_THAT(compiler::ClimbGemmLadder({.M = 8, .N = 8, .K = 8, .transpose_b = true}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("f32_nt_8x8x8")));
  EXPECT_THAT(compiler::ClimbGemmLadder({.M = 0, .N = 8, .K = 8}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not empty")));
}

}  // namespace
}  // namespace strata::courses
