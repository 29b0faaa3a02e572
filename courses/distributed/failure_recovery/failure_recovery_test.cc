#include <cmath>
#include <string>

#include "base/file.h"
#include "base/status_matchers.h"
#include "courses/distributed/failure_recovery/claims.h"
#include "courses/distributed/failure_recovery/goodput.h"
#include "courses/distributed/failure_recovery/killed_runs.h"
#include "courses/distributed/failure_recovery/published.h"
#include "courses/lab/false_claims.h"
#include "gtest/gtest.h"

namespace strata::courses {
namespace {

void ExpectHolds(const std::vector<Claim>& claims) { EXPECT_EQ(FalseClaims(claims), ""); }

TEST(FailureRecoveryTest, FormulasByHand) {
  const Machine machine = {10000, 50, 100};
  EXPECT_DOUBLE_EQ(YoungInterval(machine), 1000);
  EXPECT_NEAR(DalyInterval(machine), 1000 * (1 + 0.05 / 3 + 0.0025 / 9) - 50, 1e-9);
  EXPECT_EQ(DalyInterval({10, 20, 0}), 10);
  // Without failures worth mentioning only saves cost.
  EXPECT_NEAR(ExpectedGoodput({1e12, 1, 0}, 9), 0.9, 1e-4);
}

TEST(FailureRecoveryTest, TheOptimumIsOne) {
  for (const double save : {0.1, 10.0, 1000.0}) {
    const Machine machine = {3600, save, 60};
    const double best = BestInterval(machine);
    EXPECT_GT(ExpectedGoodput(machine, best), ExpectedGoodput(machine, best * 1.01));
    EXPECT_GT(ExpectedGoodput(machine, best), ExpectedGoodput(machine, best / 1.01));
  }
}

TEST(FailureRecoveryTest, TheSimulationsTimesAddUp) {
  const Simulated run = Simulate({100, 2, 5}, 20, 10000, 7);
  EXPECT_NEAR(run.work, 10000, 1e-6);
  EXPECT_DOUBLE_EQ(run.saves, 500 * 2);
  EXPECT_DOUBLE_EQ(run.wall, run.work + run.saves + run.lost + run.restarts);
  EXPECT_GT(run.failures, 50);
  EXPECT_LE(run.lost, static_cast<double>(run.failures) * 22);
  EXPECT_EQ(Simulate({100, 2, 5}, 20, 10000, 7).wall, run.wall);
  EXPECT_NE(Simulate({100, 2, 5}, 20, 10000, 8).wall, run.wall);
}

TEST(FailureRecoveryTest, ClaimsOfTheSimulation) {
  for (const Scenario& scenario : PublishedScenarios())
    ExpectHolds(ClaimsOfSweep(scenario.name, SweepIntervals(scenario.machine, 2, 24)));
}

// The claims can fail: formulas for another machine.
TEST(FailureRecoveryTest, AWrongOptimumIsSeen) {
  Sweep sweep = SweepIntervals({3600, 40, 60}, 2, 24);
  sweep.machine.save = 4000;
  int failed = 0;
  for (const Claim& claim : ClaimsOfSweep("another", sweep)) failed += !claim.holds;
  EXPECT_GE(failed, 1);
}

TEST(FailureRecoveryTest, KilledRunsLoseNoBit) {
  KilledRunsOptions options;
  options.scratch = JoinPath(testing::TempDir(), "killed_runs");
  options.steps = 40;
  options.mtbf_steps = 15;
  options.save_every = {2, 5};
  STRATA_ASSERT_OK_AND_ASSIGN(const KilledRuns runs, MeasureKilledRuns(options));
  EXPECT_EQ(runs.quiet.losses, runs.saving.losses);
  ExpectHolds(ClaimsOfCounts(runs));
  options.save_every.clear();
  EXPECT_THAT(MeasureKilledRuns(options),
              StatusIs(absl::StatusCode::kInvalidArgument, testing::HasSubstr("save_every")));
}

}  // namespace
}  // namespace strata::courses
