#include "distributed/schedule/closed_form.h"

#include <string>

#include "base/status_matchers.h"
#include "distributed/schedule/schedules.h"
#include "distributed/schedule/simulate.h"

namespace strata::schedule {
namespace {

using ::testing::HasSubstr;

std::vector<SlotTimes> AllTimes() {
  std::vector<SlotTimes> all;
  for (int64_t f : {1, 2, 5}) {
    for (int64_t b : {1, 2, 4}) {
      for (int64_t w : {0, 1, 2}) all.push_back({.forward = f, .backward_input = b, .weight = w});
    }
  }
  return all;
}

// The simulation gives the closed form, exactly, wherever the form says so; the peak of activations
// always.
TEST(ClosedFormTest, EqualsTheSimulationForAllShapesAndTimes) {
  for (const std::string& name : ScheduleNames()) {
    int exact = 0, other = 0;
    for (int ranks : {1, 2, 3, 4, 6, 8}) {
      for (int microbatches : {1, 3, 8, 12, 16}) {
        for (int chunks : {2, 3}) {
          if (chunks == 3 && name != "interleaved_1f1b") continue;
          ScheduleShape shape = {.ranks = ranks, .microbatches = microbatches};
          if (name == "interleaved_1f1b") shape.chunks_per_rank = chunks;
          const auto schedule = MakeSchedule(name, shape);
          if (!schedule.ok()) continue;
          for (const SlotTimes& times : AllTimes()) {
            const auto form = ClosedFormOf(name, shape, times);
            ASSERT_OK(form);
            const auto run = Simulate(*schedule, times);
            ASSERT_OK(run);
            ASSERT_EQ(run->peak_activations(), form->peak_activations)
                << name << " " << ranks << " " << microbatches;
            ++(form->is_exact ? exact : other);
            if (!form->is_exact) continue;
            ASSERT_EQ(form->of_own_span ? run->gaps() : run->bubble(), form->bubble)
                << name << " p=" << ranks << " m=" << microbatches << " F=" << times.forward
                << " B=" << times.backward_input << " W=" << times.weight;
          }
        }
      }
    }
    EXPECT_GT(exact, 20) << name;
    EXPECT_EQ(other == 0, name == "gpipe" || name == "1f1b" || name == "interleaved_1f1b") << name;
  }
}

// With what two slots hide of each other; and what DualPipe's order idles when F is not B.
TEST(ClosedFormTest, DualPipeWithOverlap) {
  for (const std::string name : {"dualpipe", "dualpipe_v"}) {
    for (int ranks : {2, 4, 6, 8}) {
      for (int microbatches : {16, 20}) {
        const ScheduleShape shape = {.ranks = ranks, .microbatches = microbatches};
        const auto schedule = MakeSchedule(name, shape);
        ASSERT_OK(schedule);
        for (int64_t overlapped : {20, 25, 30}) {
          const SlotTimes times = {
              .forward = 10, .backward_input = 10, .weight = 10, .overlapped = overlapped};
          const auto form = ClosedFormOf(name, shape, times);
          ASSERT_OK(form);
          const auto run = Simulate(*schedule, times);
          ASSERT_OK(run);
          EXPECT_TRUE(form->is_exact);
          EXPECT_EQ(run->bubble(), form->bubble) << name << " " << ranks << " " << overlapped;
        }
        const SlotTimes uneven = {.forward = 12, .backward_input = 10, .weight = 8};
        const auto run = Simulate(*schedule, uneven);
        ASSERT_OK(run);
        const int64_t half = name == "dualpipe" ? ranks / 2 : ranks;
        EXPECT_EQ(run->bubble(), (half - 1) * (30 + 12 - 2 * 8));  // F&B + F - 2W
        EXPECT_FALSE(ClosedFormOf(name, shape, uneven)->is_exact);
      }
    }
  }
}

// Where formulas are approximations, the simulation is on the side they are known to err to.
TEST(ClosedFormTest, WhereAFormulaIsAnApproximation) {
  // Chimera with a backward pass of twice the forward pass has bubbles within it (the paper's
  // figure 3).
  const auto chimera = MakeSchedule("chimera", {.ranks = 4, .microbatches = 8});
  ASSERT_OK(chimera);
  const SlotTimes thirds = {.forward = 1, .backward_input = 1, .weight = 1};
  EXPECT_GT(Simulate(*chimera, thirds)->bubble(), 3);
  // ZB-V is free of bubbles only when F = B = W.
  const auto zb_v = MakeSchedule("zb_v", {.ranks = 4, .microbatches = 8});
  ASSERT_OK(zb_v);
  EXPECT_EQ(Simulate(*zb_v, thirds)->gaps(), 0);
  EXPECT_GT(Simulate(*zb_v, {.forward = 2, .backward_input = 1, .weight = 1})->gaps(), 0);
}

TEST(ClosedFormTest, WhatItDoesNotKnow) {
  EXPECT_THAT(ClosedFormOf("v_half", {2, 2}, {}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("'v_half'; simulate it")));
  EXPECT_THAT(ClosedFormOf("1f1b", {2, 2}, {.hop = 1}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("know no hops")));
}

}  // namespace
}  // namespace strata::schedule
