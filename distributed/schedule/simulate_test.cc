#include "distributed/schedule/simulate.h"

#include <random>
#include <string>

#include "base/status_matchers.h"
#include "chips/timeline/validate.h"
#include "distributed/schedule/activations.h"
#include "distributed/schedule/random_schedule.h"
#include "distributed/schedule/schedules.h"
#include "distributed/schedule/slot_table.h"

namespace strata::schedule {
namespace {

using ::testing::HasSubstr;

// The slow oracle: starts are raised until every slot starts at or after the ends it waits for.
std::vector<std::vector<SlotTime>> SlowTimes(const Schedule& schedule, const SlotTimes& times) {
  const auto table = SlotTable::Of(schedule);
  EXPECT_OK(table);
  std::vector<std::vector<SlotTime>> at;
  for (const auto& slots : schedule.slots) at.emplace_back(slots.size());
  for (bool changed = true; changed;) {
    changed = false;
    for (int rank = 0; rank < schedule.ranks; ++rank) {
      for (int i = 0; i < static_cast<int>(at[rank].size()); ++i) {
        int64_t start = i == 0 ? 0 : at[rank][i - 1].end;
        for (const SlotPlace& need : table->Needs(rank, i)) {
          start =
              std::max(start, at[need.rank][need.index].end + (need.rank == rank ? 0 : times.hop));
        }
        const int64_t end = start + times.Of(schedule.slots[rank][i]);
        changed |= end != at[rank][i].end;
        at[rank][i] = {start, end};
      }
    }
  }
  return at;
}

TEST(SimulateTest, TimesAreTheEarliestPossible) {
  std::mt19937 random(3);
  for (int i = 0; i < 200; ++i) {
    const Schedule schedule = RandomSchedule(random);
    SlotTimes times = {.forward = 1 + static_cast<int64_t>(random() % 9),
                       .backward_input = 1 + static_cast<int64_t>(random() % 9),
                       .weight = 1 + static_cast<int64_t>(random() % 9),
                       .hop = static_cast<int64_t>(random() % 4)};
    for (int c = 0; c < schedule.chunks; ++c)
      times.chunk_scale.push_back(1 + static_cast<int64_t>(random() % 3));
    const auto run = Simulate(schedule, times);
    ASSERT_OK(run);
    EXPECT_OK(chips::ValidateTimeline(run->timeline));
    const auto slow = SlowTimes(schedule, times);
    std::vector<size_t> next(slow.size());
    for (const chips::TimelineEvent& event : run->timeline.events()) {
      const size_t slot = next[event.lane()]++;
      ASSERT_EQ(event.start_ns(), slow[event.lane()][slot].start);
      ASSERT_EQ(event.start_ns() + event.duration_ns(), slow[event.lane()][slot].end);
      ASSERT_EQ(event.name(), SlotName(schedule.slots[event.lane()][slot]));
    }
  }
}

TEST(SimulateTest, NumbersOfAnExample) {
  const auto schedule = MakeSchedule("1f1b", {.ranks = 4, .microbatches = 8});
  ASSERT_OK(schedule);
  const auto run = Simulate(*schedule, {.forward = 10, .backward_input = 10, .weight = 10});
  ASSERT_OK(run);
  EXPECT_EQ(run->makespan, 330);
  EXPECT_EQ(run->bubble(), 90);
  EXPECT_DOUBLE_EQ(run->bubble_fraction(), 90.0 / 330);
  EXPECT_EQ(run->ranks[3].start, 30);
  EXPECT_EQ(run->ranks[3].gaps, 0);
  EXPECT_EQ(run->ranks[0].gaps, 90);
  EXPECT_EQ(run->ranks[2].peak_activations, 2);
  EXPECT_EQ(run->timeline.lanes_size(), 4);
  EXPECT_EQ(run->timeline.events_size(), 64);
  EXPECT_EQ(run->timeline.events(0).origin(), "FORWARD of microbatch 0, chunk 0");
}

// GPipe sends while it computes the next microbatch: only the first way down and the last way up
// wait.
TEST(SimulateTest, HopsOfGpipeInClosedForm) {
  for (int ranks : {1, 2, 5}) {
    for (int microbatches : {1, 4, 9}) {
      const auto schedule = MakeSchedule("gpipe", {.ranks = ranks, .microbatches = microbatches});
      ASSERT_OK(schedule);
      const auto run =
          Simulate(*schedule, {.forward = 7, .backward_input = 6, .weight = 5, .hop = 3});
      ASSERT_OK(run);
      EXPECT_EQ(run->makespan, (microbatches + ranks - 1) * (7 + 6 + 5) + 2 * (ranks - 1) * 3);
    }
  }
}

TEST(SimulateTest, SlotsThatRunTogetherAreOneEvent) {
  const auto schedule = MakeSchedule("dualpipe", {.ranks = 4, .microbatches = 12});
  ASSERT_OK(schedule);
  const SlotTimes apart = {.forward = 10, .backward_input = 10, .weight = 10};
  SlotTimes hidden = apart;
  hidden.overlapped = 24;
  const auto slow = Simulate(*schedule, apart), fast = Simulate(*schedule, hidden);
  ASSERT_OK(slow);
  ASSERT_OK(fast);
  EXPECT_LT(fast->makespan, slow->makespan);
  int pairs = 0;
  for (const chips::TimelineEvent& event : fast->timeline.events()) {
    if (event.category() != "F with BW") continue;
    ++pairs;
    EXPECT_EQ(event.duration_ns(), 24);
    EXPECT_THAT(event.origin(), HasSubstr("; BACKWARD of microbatch"));
  }
  EXPECT_GT(pairs, 10);
}

TEST(SimulateTest, ActivationsThatBHasUsedMayGo) {
  const auto schedule = MakeSchedule("zb_h1", {.ranks = 4, .microbatches = 8});
  ASSERT_OK(schedule);
  EXPECT_EQ(PeakActivations(*schedule), (std::vector<double>{4, 4, 4, 4}));
  EXPECT_EQ(PeakActivations(*schedule, 0), (std::vector<double>{4, 3, 2, 1}));  // 1F1B's
  EXPECT_EQ(PeakActivations(*schedule, 0.5), (std::vector<double>{4, 3.5, 3, 2.5}));
  EXPECT_EQ(ChunksOfShare(*schedule), 1);
}

TEST(SimulateTest, Faults) {
  const auto schedule = MakeSchedule("1f1b", {.ranks = 2, .microbatches = 2});
  ASSERT_OK(schedule);
  EXPECT_THAT(Simulate(*schedule, {.weight = -1}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("times.weight: is -1")));
  SlotTimes times;
  times.chunk_scale = {1, -2};
  EXPECT_THAT(Simulate(*schedule, times), StatusIs(absl::StatusCode::kInvalidArgument,
                                                   HasSubstr("times.chunk_scale[1]: is -2")));
  times.chunk_scale = {1, 0};
  EXPECT_OK(Simulate(*schedule, times));
}

}  // namespace
}  // namespace strata::schedule
