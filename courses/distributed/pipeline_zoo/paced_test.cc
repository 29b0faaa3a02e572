#include "courses/distributed/pipeline_zoo/paced.h"

#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "chips/timeline/validate.h"
#include "distributed/schedule/schedules.h"

namespace strata::courses {
namespace {

// Over a transport whose sends return at once, and over one whose sends wait: all schedules come to
// their end, and each rank runs its slots in the order that was simulated.
TEST(PacedTest, AllSchedulesRunInTheirOrder) {
  for (const std::string& name : schedule::ScheduleNames()) {
    const auto made = schedule::MakeSchedule(name, {.ranks = 4, .microbatches = 8});
    ASSERT_OK(made);
    for (PacedMessages messages : {PacedMessages::kSmall, PacedMessages::kLarge}) {
      const auto run = RunPaced(*made, {}, std::chrono::nanoseconds(0), messages);
      ASSERT_OK(run) << name;
      EXPECT_OK(chips::ValidateTimeline(*run));
      EXPECT_EQ(run->source(), chips::MEASURED);
      std::vector<size_t> next(4);
      for (const chips::TimelineEvent& event : run->events()) {
        const auto& slots = made->slots[event.lane()];
        ASSERT_LT(next[event.lane()], slots.size());
        EXPECT_EQ(event.name(), SlotName(slots[next[event.lane()]++]));
      }
      for (int rank = 0; rank < 4; ++rank) EXPECT_EQ(next[rank], made->slots[rank].size());
    }
  }
}

TEST(PacedTest, SlotsTakeAtLeastTheirTime) {
  const auto made = schedule::MakeSchedule("1f1b", {.ranks = 2, .microbatches = 2});
  ASSERT_OK(made);
  const auto run = RunPaced(*made, {.forward = 2, .backward_input = 3, .weight = 4},
                            std::chrono::microseconds(50));
  ASSERT_OK(run);
  for (const chips::TimelineEvent& event : run->events())
    EXPECT_GE(event.duration_ns(), (event.category() == "F" ? 2 : 7) * 50000);
}

}  // namespace
}  // namespace strata::courses
