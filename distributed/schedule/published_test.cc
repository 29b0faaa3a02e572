// Published figures beside simulations: formulas as others print them, and measured throughputs.
#include "distributed/schedule/published.h"

#include <cmath>
#include <string>

#include "base/status_matchers.h"
#include "distributed/schedule/activations.h"
#include "distributed/schedule/schedules.h"
#include "distributed/schedule/simulate.h"

namespace strata::schedule {
namespace {

struct Example {
  Simulation run;
  double activations;  // in microbatches of 1 / p of the model
  double parameters;   // chunks a rank holds, in units of 1 / p of the model
};

Example Simulated(const std::string& name, const ScheduleShape& shape, const SlotTimes& times) {
  const auto schedule = MakeSchedule(name, shape);
  EXPECT_OK(schedule);
  const auto run = Simulate(*schedule, times);
  EXPECT_OK(run);
  int held = 0;
  for (const auto& ranks : HoldersOf(*schedule)) held += static_cast<int>(ranks.size());
  const double share = ChunksOfShare(*schedule);
  return {*run, run->peak_activations() / share, held / share / shape.ranks};
}

// Source of the formulas: deepseek-ai/DualPipe, README.md, "Pipeline Bubbles and Memory Usage
// Comparison", and AMD-AGI/Primus, primus_pipeline.md. B is the whole backward pass there. F = Bi =
// W = 1, as they assume.
class PrintedFormulas : public testing::TestWithParam<std::pair<int, int>> {
 protected:
  const int p = GetParam().first;
  const int m = GetParam().second;
  const double F = 1, B = 2, W = 1, FB = 3;
};

TEST_P(PrintedFormulas, OneFOneB) {
  const Example e = Simulated("1f1b", {p, m}, {});
  EXPECT_EQ(e.run.bubble(), (p - 1) * (F + B));
  EXPECT_DOUBLE_EQ(e.run.bubble_fraction(), (p - 1.0) / (m + p - 1));
  EXPECT_EQ(e.activations, p);
  EXPECT_EQ(e.parameters, 1);
}

TEST_P(PrintedFormulas, Interleaved) {
  for (int v : {2, 3, p}) {
    if (v < 2) continue;
    const Example e = Simulated("interleaved_1f1b", {p, m, v}, {});
    EXPECT_EQ(e.run.bubble(), (p - 1) * (F + B));  // of a chunk, which is 1 / v of a rank's
    EXPECT_DOUBLE_EQ(e.run.bubble_fraction(), (p - 1.0) / (m * v + p - 1));
    // arXiv:2205.05198, section 4.2.3: (1 + (p-1)/(p v)) times 1F1B's. Primus prints p + (p-1)/p,
    // which is that with as many chunks as ranks.
    EXPECT_DOUBLE_EQ(e.activations, p * (1 + (p - 1.0) / (p * v)));
    if (v == p) {
      EXPECT_DOUBLE_EQ(e.activations, p + (p - 1.0) / p);
    }
    EXPECT_EQ(e.parameters, 1);
  }
}

TEST_P(PrintedFormulas, Zb1P) {
  const Example e = Simulated("zb_h1", {p, m}, {});
  EXPECT_EQ(e.run.bubble(), (p - 1) * (F + B - 2 * W));
  // Printed as (p-1)/(3(m+p-1)): idle time over the time of *1F1B*. Of its own time it is
  // (p-1)/(3m+p-1).
  const Example one = Simulated("1f1b", {p, m}, {});
  EXPECT_DOUBLE_EQ(static_cast<double>(e.run.bubble()) / one.run.makespan,
                   (p - 1.0) / (3 * (m + p - 1)));
  EXPECT_DOUBLE_EQ(e.run.bubble_fraction(), (p - 1.0) / (3 * m + p - 1));
  EXPECT_EQ(e.activations, p);
  EXPECT_EQ(e.parameters, 1);
}

TEST_P(PrintedFormulas, ZbV) {
  const Example e = Simulated("zb_v", {p, m}, {});
  EXPECT_DOUBLE_EQ(e.run.bubble_fraction(), (p - 1.0) / (p - 1 + 6 * m));
  EXPECT_EQ(e.activations, p);
  EXPECT_EQ(e.parameters, 1);
}

TEST_P(PrintedFormulas, DualPipe) {
  if (p % 2 != 0) return;
  const Example e = Simulated("dualpipe", {p, m}, {});
  EXPECT_EQ(e.run.bubble(), (p / 2 - 1) * (FB + B - 3 * W));
  EXPECT_EQ(e.activations, p + 1);
  EXPECT_EQ(e.parameters, 2);
  // DualPipeV of as many stages, PP = p, on p / 2 devices: the share of a device is two stages.
  const Example v = Simulated("dualpipe_v", {p / 2, m}, {});
  EXPECT_EQ(v.run.bubble(), (p / 2 - 1) * (FB + B - 3 * W));
  EXPECT_EQ(2 * v.activations, p + 1);
  EXPECT_EQ(2 * v.parameters, 2);
}

// Li and Hoefler 2021, table 2: (D-2)/(2N+D-2) of the step, D/2+1 to D activations, 2 copies. F = B
// there.
TEST_P(PrintedFormulas, Chimera) {
  if (p % 2 != 0 || m % p != 0) return;
  const Example e = Simulated("chimera", {p, m}, {.forward = 2});
  EXPECT_DOUBLE_EQ(e.run.bubble_fraction(), (p - 2.0) / (2 * m + p - 2));
  EXPECT_EQ(e.activations, p);
  EXPECT_EQ(e.run.ranks.front().peak_activations, p / 2 + 1);
  EXPECT_EQ(e.parameters, 2);
}

INSTANTIATE_TEST_SUITE_P(Shapes, PrintedFormulas,
                         testing::Values(std::pair(1, 4), std::pair(2, 4), std::pair(3, 6),
                                         std::pair(4, 8), std::pair(4, 20), std::pair(6, 12),
                                         std::pair(8, 16), std::pair(8, 24)));

// Two numbers a model, fitted to nine of its twelve rows, give all twelve.
TEST(PublishedTest, MeasuredThroughputsFollowTheSimulation) {
  for (const std::string& model : PublishedModels()) {
    const Calibration fit = CalibrationOf(model);
    EXPECT_GT(fit.weight_share, 0.6) << model;
    EXPECT_LT(fit.weight_share, 1.0) << model;
    int rows = 0;
    for (const PublishedRow& row : PublishedRows()) {
      if (row.model != model) continue;
      ++rows;
      const auto predicted = PredictedRate(row, fit);
      ASSERT_OK(predicted);
      const double error = *predicted / row.samples_per_gpu_s - 1;
      // Interleaving sends v times as much, which is not simulated: it may promise more than was
      // measured.
      const double most = row.schedule == "1F1B" ? 0.011 : row.schedule == "1F1B-I" ? 0.05 : 0.035;
      EXPECT_LT(std::abs(error), most) << model << " " << row.schedule << " m=" << row.microbatches;
    }
    EXPECT_EQ(rows, 12);
  }
}

// Peak memory is bounded by activations: what is measured beyond 1F1B is at most what the peaks
// say.
TEST(PublishedTest, MeasuredMemoryIsWithinThePeaksOfActivations) {
  for (const PublishedRow& row : PublishedRows()) {
    if (row.schedule != "1F1B") continue;
    for (const PublishedRow& other : PublishedRows()) {
      if (other.model != row.model || other.microbatches != row.microbatches) continue;
      const int p = row.ranks;
      const double bound = other.schedule == "ZB-2p"    ? (2.0 * p - 1) / p
                           : other.schedule == "1F1B-I" ? 1 + (p - 1.0) / (2 * p)
                                                        : 1;
      EXPECT_LE(other.memory_gb, 1.11 * bound * row.memory_gb) << row.model << other.schedule;
      EXPECT_GE(other.memory_gb, row.memory_gb);
    }
  }
}

}  // namespace
}  // namespace strata::schedule
