#include "courses/compiler/tuning_race/race.h"

#include <string>

#include "base/status_matchers.h"
#include "courses/lab/false_claims.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::courses {
namespace {

using ::testing::HasSubstr;

TEST(TuningRaceTest, EveryClaimHoldsAndIsReported) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Race race, RunRace({.seeds = 5, .model_trials = 96}));
  EXPECT_EQ(FalseClaims(ClaimsOf(race)), "");
  EXPECT_EQ(race.courses.size(), 3u);
  for (const Course& course : race.courses) {
    for (const Curve& curve : course.curves) {
      // Of the optimum, so never below it; and a best so far, so never rising.
      for (size_t i = 0; i < curve.median.size(); ++i) {
        EXPECT_GE(curve.median[i], 1 - 1e-12);
        if (i > 0) {
          EXPECT_LE(curve.median[i], curve.median[i - 1]);
        }
      }
    }
  }
  const std::string page = MakeReport(race).Html();
  for (const Course& course : race.courses) EXPECT_THAT(page, HasSubstr(course.best));
}

TEST(TuningRaceTest, OptionsAreChecked) {
  EXPECT_THAT(RunRace({.seeds = 0}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("needs a seed")));
}

}  // namespace
}  // namespace strata::courses
