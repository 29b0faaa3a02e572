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
  const auto curve = [](Race& r, size_t course, const std::string& strategy) -> Curve& {
    for (Curve& c : r.courses[course].curves)
      if (c.strategy == strategy) return c;
    ADD_FAILURE() << "no strategy " << strategy;
    return r.courses[course].curves[0];
  };
  const auto fails = [&](size_t place, const auto& spoil) { return FailsWhen(race, place, spoil); };
  for (size_t c = 0; c < 3; ++c) {
    EXPECT_TRUE(fails(3 * c, [&](Race& r) {
      curve(r, c, "evolutionary").median = curve(r, c, "random").median;
    }));
    EXPECT_TRUE(fails(3 * c + 1, [&](Race& r) { curve(r, c, "model").median[95] = 2; }));
    EXPECT_TRUE(fails(3 * c + 2, [&](Race& r) { r.courses[c].correlation.back() = 0; }));
  }
  EXPECT_TRUE(fails(9, [&](Race& r) { curve(r, 0, "model").median[95] = 9; }));
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
