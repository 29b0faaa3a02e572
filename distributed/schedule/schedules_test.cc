#include "distributed/schedule/schedules.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_matchers.h"
#include "distributed/schedule/validate.h"

namespace strata::schedule {
namespace {

using ::testing::HasSubstr;

std::string Line(const Schedule& schedule, int rank) {
  std::string line;
  for (const Slot& slot : schedule.slots[rank])
    absl::StrAppend(&line, line.empty() ? "" : " ", SlotName(slot), slot.with_next ? "&" : "");
  return line;
}

Schedule Make(const std::string& name, const ScheduleShape& shape) {
  auto schedule = MakeSchedule(name, shape);
  EXPECT_OK(schedule);
  return schedule.ok() ? *std::move(schedule) : Schedule();
}

// MakeSchedule() validates what it makes: a sweep over shapes is a proof for each of them.
TEST(SchedulesTest, AllAreValidForAllShapesTheyTake) {
  int made = 0;
  for (const std::string& name : ScheduleNames()) {
    for (int ranks = 1; ranks <= 9; ++ranks) {
      for (int microbatches = 1; microbatches <= 40; ++microbatches) {
        const auto schedule = MakeSchedule(name, {.ranks = ranks, .microbatches = microbatches});
        const bool even = ranks % 2 == 0;
        const bool taken = name == "interleaved_1f1b" ? microbatches % ranks == 0
                           : name == "chimera"        ? even
                           : name == "dualpipe"
                               ? even && microbatches % 2 == 0 && microbatches >= 2 * ranks
                           : name == "dualpipe_v" ? microbatches >= 2 * ranks
                                                  : true;
        ASSERT_EQ(schedule.ok(), taken)
            << name << " " << ranks << " " << microbatches << ": " << schedule.status();
        made += taken;
        if (taken) {
          EXPECT_EQ(schedule->name, name);
        }
      }
    }
  }
  for (int chunks : {2, 3, 4, 7})
    EXPECT_OK(MakeSchedule("interleaved_1f1b",
                           {.ranks = 4, .microbatches = 8, .chunks_per_rank = chunks}));
  EXPECT_GT(made, 2000);
}

// The orders of the papers' figures.
TEST(SchedulesTest, OrdersAreThoseOfTheFigures) {
  EXPECT_EQ(Line(Make("gpipe", {2, 3}), 1), "F0.1 F1.1 F2.1 BW2.1 BW1.1 BW0.1");
  EXPECT_EQ(Line(Make("1f1b", {4, 8}), 0),
            "F0 F1 F2 F3 BW0 F4 BW1 F5 BW2 F6 BW3 F7 BW4 BW5 BW6 BW7");
  EXPECT_EQ(
      Line(Make("1f1b", {4, 8}), 3),
      "F0.3 BW0.3 F1.3 BW1.3 F2.3 BW2.3 F3.3 BW3.3 F4.3 BW4.3 F5.3 BW5.3 F6.3 BW6.3 F7.3 BW7.3");
  // Figure 4 of 2104.04473: device 4 of 4, two chunks each, 8 microbatches.
  EXPECT_EQ(
      Line(Make("interleaved_1f1b", {4, 4}), 3),
      "F0.3 F1.3 F2.3 F3.3 F0.7 BW0.7 F1.7 BW1.7 F2.7 BW2.7 F3.7 BW3.7 BW0.3 BW1.3 BW2.3 BW3.3");
  // Figure 3 of 2401.10241, ZB-H1 and ZB-H2 of 4 devices.
  EXPECT_EQ(Line(Make("zb_h1", {4, 8}), 0),
            "F0 F1 F2 F3 B0 W0 F4 B1 W1 F5 B2 W2 F6 B3 W3 F7 B4 W4 B5 W5 B6 W6 B7 W7");
  EXPECT_EQ(Line(Make("zb_h1", {2, 3}), 1), "F0.1 B0.1 F1.1 B1.1 W0.1 F2.1 B2.1 W1.1 W2.1");
  EXPECT_EQ(Line(Make("zb_h2", {2, 4}), 0), "F0 F1 F2 B0 W0 F3 B1 W1 B2 W2 B3 W3");
  EXPECT_EQ(Line(Make("zb_h2", {2, 4}), 1),
            "F0.1 B0.1 F1.1 B1.1 F2.1 B2.1 W0.1 F3.1 B3.1 W1.1 W2.1 W3.1");
  // Figure 3 of 2107.06925: 4 workers, 4 microbatches, 0 and 1 go down.
  EXPECT_EQ(Line(Make("chimera", {4, 4}), 0), "F0 F1 F2.3 BW2.3 F3.3 BW3.3 BW0 BW1");
  EXPECT_EQ(Line(Make("chimera", {4, 4}), 1), "F0.1 F2.2 F1.1 F3.2 BW2.2 BW0.1 BW3.2 BW1.1");
  EXPECT_EQ(Line(Make("zb_v", {2, 3}), 1),
            "F0.1 F0.2 F1.1 F1.2 B0.2 W0.2 F2.1 B0.1 W0.1 F2.2 B1.2 W1.2 B1.1 B2.2 B2.1 W1.1 W2.2 "
            "W2.1");
  EXPECT_EQ(Line(Make("dualpipe", {2, 4}), 0), "F0 F2.1 F1 BW2.1 F3.1& BW0 BW3.1 B1 W1");
  EXPECT_EQ(Line(Make("dualpipe_v", {1, 3}), 0),
            "F0 F0.1 F1 BW0.1 F1.1& BW0 F2& BW1.1 F2.1& BW1 BW2.1 B2 W2");
}

TEST(SchedulesTest, AShapeThatCannotBeIsNamedWithOneThatCan) {
  const struct {
    std::string name;
    ScheduleShape shape;
    std::string message;
  } cases[] = {
      {"gpipe", {0, 1}, "gpipe: ranks: is 0; a pipeline has at least 1"},
      {"1f1b", {2, 0}, "1f1b: microbatches: is 0"},
      {"1f1b", {2, 2, 2}, "1f1b: chunks_per_rank: is 2; this schedule has 1, give that or 0"},
      {"zb_v", {2, 2, 1}, "zb_v: chunks_per_rank: is 1; this schedule has 2"},
      {"gpipe", {1 << 20, 1 << 20}, "makes more than"},
      {"interleaved_1f1b", {4, 6}, "microbatches: 6 is not a multiple of 4 ranks; give 8"},
      {"interleaved_1f1b", {0, 6}, "ranks: is 0"},
      {"interleaved_1f1b", {4, 8, 1}, "with 1 it is 1f1b"},
      {"interleaved_1f1b", {4, 8, -3}, "chunks_per_rank: is -3"},
      {"chimera", {3, 6}, "chimera: ranks: 3 is odd; the two directions would collide, give 4"},
      {"dualpipe", {3, 6}, "dualpipe: ranks: 3 is odd"},
      {"dualpipe", {4, 9}, "microbatches: 9 is odd; half go either way, give 10"},
      {"dualpipe", {4, 6}, "microbatches: 6 do not fill the pipeline; give at least 8"},
      {"dualpipe_v",
       {4, 7},
       "dualpipe_v: microbatches: 7 do not fill the pipeline; give at least 8"},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(MakeSchedule(c.name, c.shape),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.message)));
  }
  EXPECT_THAT(MakeSchedule("2f2b", {2, 2}),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("no schedule named '2f2b'; there is: 1f1b, chimera, dualpipe")));
}

TEST(SchedulesTest, TwoRanksHoldAChunkOfABidirectionalSchedule) {
  for (const std::string name : {"chimera", "dualpipe"}) {
    const auto holders = HoldersOf(Make(name, {4, 8}));
    ASSERT_EQ(holders.size(), 4u);
    for (int chunk = 0; chunk < 4; ++chunk) {
      EXPECT_EQ(holders[chunk],
                (std::vector<int>{std::min(chunk, 3 - chunk), std::max(chunk, 3 - chunk)}));
    }
  }
  EXPECT_EQ(HoldersOf(Make("zb_v", {2, 4})), (std::vector<std::vector<int>>{{0}, {1}, {1}, {0}}));
}

TEST(SchedulesTest, OnesOwnIsMadeByNameAndChecked) {
  const auto make = [](bool spoil) {
    return [spoil](const ScheduleShape& shape) -> absl::StatusOr<std::unique_ptr<Schedule>> {
      auto schedule = std::make_unique<Schedule>(
          Schedule{.name = "one", .ranks = 1, .microbatches = shape.microbatches, .chunks = 1});
      schedule->slots.resize(1);
      for (int k = 0; k < shape.microbatches; ++k) {
        schedule->slots[0].push_back({SlotKind::kForward, k, 0});
        if (!spoil) schedule->slots[0].push_back({SlotKind::kBackward, k, 0});
      }
      return schedule;
    };
  };
  ScheduleRegistry().Register("one", make(false));
  EXPECT_OK(MakeSchedule("one", {1, 2}));
  ScheduleRegistry().Register("one", make(true));
  EXPECT_THAT(MakeSchedule("one", {1, 2}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("BACKWARD of microbatch 0")));
}

}  // namespace
}  // namespace strata::schedule
