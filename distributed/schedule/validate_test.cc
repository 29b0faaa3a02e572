#include "distributed/schedule/validate.h"

#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>

#include "base/status_matchers.h"
#include "distributed/schedule/makers.h"
#include "distributed/schedule/random_schedule.h"

namespace strata::schedule {
namespace {

using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

using Work = std::tuple<int, int, int>;  // row (F, B, W), microbatch, chunk

Work WorkOf(const Slot& slot) {
  const int row = slot.kind == SlotKind::kForward ? 0 : IsBackward(slot.kind) ? 1 : 2;
  return {row, slot.microbatch, slot.chunk};
}

// The slow oracle: is every piece of work there once, and does a run in which any rank that can go
// on does so come to its end?
bool IsComplete(const Schedule& schedule) {
  std::map<Work, std::pair<SlotKind, int>> found;  // kind and rank
  for (int rank = 0; rank < static_cast<int>(schedule.slots.size()); ++rank) {
    if (schedule.slots[rank].empty()) return false;
    for (const Slot& slot : schedule.slots[rank]) {
      if (slot.microbatch < 0 || slot.microbatch >= schedule.microbatches) return false;
      if (slot.chunk < 0 || slot.chunk >= schedule.chunks) return false;
      if (!found.insert({WorkOf(slot), {slot.kind, rank}}).second) return false;
    }
  }
  for (int m = 0; m < schedule.microbatches; ++m) {
    for (int c = 0; c < schedule.chunks; ++c) {
      const auto f = found.find({0, m, c}), b = found.find({1, m, c}), w = found.find({2, m, c});
      if (f == found.end() || b == found.end()) return false;
      if ((b->second.first == SlotKind::kBackwardInput) != (w != found.end())) return false;
      if (b->second.second != f->second.second) return false;
      if (w != found.end() && w->second.second != f->second.second) return false;
    }
  }
  return true;
}

bool CanRun(const Slot& slot, const Schedule& schedule, const std::set<Work>& done) {
  const auto [row, m, c] = WorkOf(slot);
  if (row == 0) return c == 0 || done.count({0, m, c - 1});
  if (row == 2) return done.count({1, m, c});
  return done.count({0, m, c}) && (c + 1 == schedule.chunks || done.count({1, m, c + 1}));
}

bool IsValidSlow(const Schedule& schedule) {
  if (!IsComplete(schedule)) return false;
  std::set<Work> done;
  std::vector<size_t> next(schedule.slots.size());
  for (bool moved = true; moved;) {
    moved = false;
    for (size_t rank = 0; rank < next.size(); ++rank) {
      if (next[rank] == schedule.slots[rank].size()) continue;
      const Slot& slot = schedule.slots[rank][next[rank]];
      if (!CanRun(slot, schedule, done)) continue;
      done.insert(WorkOf(slot));
      ++next[rank];
      moved = true;
    }
  }
  for (size_t rank = 0; rank < next.size(); ++rank) {
    if (next[rank] < schedule.slots[rank].size()) return false;
  }
  return true;
}

Schedule TwoRanks() {
  auto schedule = Make1F1B({.ranks = 2, .microbatches = 3});
  EXPECT_OK(schedule);
  return *schedule;
}

Schedule TwoRanksSplit() {
  auto schedule = MakeZbH1({.ranks = 2, .microbatches = 3});
  EXPECT_OK(schedule);
  return *schedule;
}

struct Break {
  std::string message;
  std::function<void(Schedule&)> apply;
};

TEST(ValidateScheduleTest, FaultsOfAFusedScheduleAreNamedByPath) {
  // Rank 0: F0 F1 BW0 F2 BW1 BW2. Rank 1: F0 BW0 F1 BW1 F2 BW2, of chunk 1.
  const Break breaks[] = {
      {"1f1b: ranks: is 0; give at least 1", [](Schedule& s) { s.ranks = 0; }},
      {"microbatches: is 0; a step", [](Schedule& s) { s.microbatches = 0; }},
      {"pipeline: has 1 lists of slots for 2 ranks; give one a rank",
       [](Schedule& s) { s.slots.pop_back(); }},
      {"chunks: is 1 for 2 ranks", [](Schedule& s) { s.chunks = 1; }},
      {"pipeline[1].slots: is empty", [](Schedule& s) { s.slots[1].clear(); }},
      {"pipeline: has 12 slots for 2000000000 microbatches",
       [](Schedule& s) { s.microbatches = 2000000000; }},
      {"pipeline[0].slots[1]: kind: 7 is not a known kind",
       [](Schedule& s) { s.slots[0][1].kind = static_cast<SlotKind>(7); }},
      {"pipeline[0].slots[1]: microbatch: 3 is outside [0, 3)",
       [](Schedule& s) { s.slots[0][1].microbatch = 3; }},
      {"pipeline[1].slots[2]: chunk: -1 is outside [0, 2)",
       [](Schedule& s) { s.slots[1][2].chunk = -1; }},
      {"pipeline[0].slots[3]: FORWARD of microbatch 1, chunk 0 is done before, by "
       "pipeline[0].slots[1]; take one of them away",
       [](Schedule& s) { s.slots[0][3].microbatch = 1; }},
      {"pipeline[0]: FORWARD of microbatch 1, chunk 0 is missing; add it before "
       "pipeline[0].slots[3]",
       [](Schedule& s) { s.slots[0].erase(s.slots[0].begin() + 1); }},
      {"pipeline[1]: BACKWARD of microbatch 2, chunk 1 is missing; add it after "
       "pipeline[1].slots[4]",
       [](Schedule& s) { s.slots[1].pop_back(); }},
      {"pipeline: FORWARD of microbatch 2, chunk 1 is missing, and so is all else",
       [](Schedule& s) { s.slots[1].resize(4); }},
      {"pipeline[0].slots[6]: WEIGHT of microbatch 0, chunk 0: pipeline[0].slots[2] is a BACKWARD",
       [](Schedule& s) {
         s.slots[0].push_back({SlotKind::kWeight, 0, 0});
       }},
      {"pipeline[1].slots[6]: BACKWARD of microbatch 2, chunk 0 is on rank 1, but rank 0 did its "
       "FORWARD, pipeline[0].slots[3]",
       [](Schedule& s) {
         s.slots[0].pop_back();
         s.slots[1].push_back({SlotKind::kBackward, 2, 0});
       }},
      {"pipeline[1].slots[0]: BACKWARD of microbatch 0, chunk 1 comes before what it needs, "
       "pipeline[1].slots[1]",
       [](Schedule& s) { std::swap(s.slots[1][0], s.slots[1][1]); }},
      {"pipeline[0].slots[5]: with_next: this is the rank's last slot",
       [](Schedule& s) { s.slots[0][5].with_next = true; }},
      {"pipeline[0].slots[3]: with_next: the slot after it runs with the one after that",
       [](Schedule& s) { s.slots[0][3].with_next = s.slots[0][4].with_next = true; }},
      {"pipeline[1].slots[1]: BACKWARD of microbatch 0, chunk 1 needs pipeline[1].slots[0], which "
       "runs with it",
       [](Schedule& s) { s.slots[1][0].with_next = true; }},
  };
  ASSERT_OK(ValidateSchedule(TwoRanks()));
  for (const Break& fault : breaks) {
    Schedule schedule = TwoRanks();
    fault.apply(schedule);
    EXPECT_THAT(ValidateSchedule(schedule), StatusIs(kInvalid, HasSubstr(fault.message)));
  }
}

TEST(ValidateScheduleTest, FaultsOfASplitScheduleAreNamedByPath) {
  // Rank 0: F0 F1 B0 W0 F2 B1 W1 B2 W2. Rank 1: F0 B0 F1 B1 W0 F2 B2 W1 W2, of chunk 1.
  const Break breaks[] = {
      {"zb_h1: pipeline[0]: WEIGHT of microbatch 0, chunk 0 is missing; add it after "
       "pipeline[0].slots[2]",
       [](Schedule& s) { s.slots[0].erase(s.slots[0].begin() + 3); }},
      {"pipeline[0]: BACKWARD_INPUT of microbatch 0, chunk 0 is missing; add it after "
       "pipeline[0].slots[0]",
       [](Schedule& s) { s.slots[0].erase(s.slots[0].begin() + 2); }},
      {"pipeline[0].slots[2]: WEIGHT of microbatch 0, chunk 0 comes before what it needs, "
       "pipeline[0].slots[3]",
       [](Schedule& s) { std::swap(s.slots[0][2], s.slots[0][3]); }},
  };
  ASSERT_OK(ValidateSchedule(TwoRanksSplit()));
  for (const Break& fault : breaks) {
    Schedule schedule = TwoRanksSplit();
    fault.apply(schedule);
    EXPECT_THAT(ValidateSchedule(schedule), StatusIs(kInvalid, HasSubstr(fault.message)));
  }
}

TEST(ValidateScheduleTest, ADeadlockIsToldRoundItsCircle) {
  Schedule schedule = TwoRanks();
  // Rank 0 wants its first gradient before it has sent the second microbatch; rank 1 wants the
  // second microbatch before it makes that gradient.
  std::swap(schedule.slots[0][1], schedule.slots[0][2]);
  std::swap(schedule.slots[1][1], schedule.slots[1][2]);
  EXPECT_THAT(
      ValidateSchedule(schedule),
      StatusIs(kInvalid,
               HasSubstr("deadlock: pipeline[0].slots[1] (BACKWARD of microbatch 0, chunk 0) "
                         "waits for pipeline[1].slots[2] (BACKWARD of microbatch 0, chunk 1); "
                         "pipeline[1].slots[1] (FORWARD of microbatch 1, chunk 1) waits for "
                         "pipeline[0].slots[2] (FORWARD of microbatch 1, chunk 0); move")));
}

TEST(ValidateScheduleTest, ActivationsAreBounded) {
  EXPECT_OK(ValidateSchedule(TwoRanks(), {.peak_activations = 2}));
  EXPECT_THAT(ValidateSchedule(TwoRanks(), {.peak_activations = 1}),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("1f1b: pipeline[0]: holds the activations of 2 chunks at once, "
                                 "the limit is 1")));
  // Rank 1 keeps a microbatch for its W; what B has used up it may drop.
  EXPECT_OK(ValidateSchedule(TwoRanksSplit(), {.peak_activations = 2}));
  auto h2 = MakeZbH2({.ranks = 2, .microbatches = 4});
  ASSERT_OK(h2);
  EXPECT_FALSE(ValidateSchedule(*h2, {.peak_activations = 2}).ok());
}

// One random change. Some leave the schedule valid: the oracle knows.
void Spoil(std::mt19937& random, Schedule* schedule) {
  auto& slots = schedule->slots[random() % schedule->slots.size()];
  Slot& slot = slots[random() % slots.size()];
  switch (random() % 7) {
    case 0:
      slots.erase(slots.begin() + (&slot - slots.data()));
      break;
    case 1:
      slots.push_back(Slot(slot));
      break;
    case 2:
      slot.microbatch = static_cast<int>(random() % (schedule->microbatches + 1));
      break;
    case 3:
      slot.chunk = static_cast<int>(random() % (schedule->chunks + 1));
      break;
    case 4:
      slot.kind = static_cast<SlotKind>(random() % 4);
      break;
    case 5:
      std::swap(slot, slots[random() % slots.size()]);
      break;
    default: {  // to another rank
      auto& other = schedule->slots[random() % schedule->slots.size()];
      const Slot moved = slot;
      slots.erase(slots.begin() + (&slot - slots.data()));
      other.insert(other.begin() + static_cast<int>(random() % (other.size() + 1)), moved);
    }
  }
}

TEST(ValidateScheduleTest, RandomSchedulesAreValidAndSpoiledOnesAreWhatTheOracleSays) {
  std::mt19937 random(1);
  int valid = 0, spoiled = 0;
  for (int i = 0; i < 600; ++i) {
    const Schedule schedule = RandomSchedule(random);
    ASSERT_TRUE(IsValidSlow(schedule)) << i;
    ASSERT_OK(ValidateSchedule(schedule)) << i;
    for (int j = 0; j < 10; ++j) {
      Schedule changed = schedule;
      Spoil(random, &changed);
      const absl::Status status = ValidateSchedule(changed);
      ASSERT_EQ(status.ok(), IsValidSlow(changed)) << i << " " << j << ": " << status;
      if (!status.ok()) {
        EXPECT_THAT(status, StatusIs(kInvalid, HasSubstr("pipeline")));
      }
      ++(status.ok() ? valid : spoiled);
    }
  }
  EXPECT_GT(valid, 300);
  EXPECT_GT(spoiled, 3000);
}

}  // namespace
}  // namespace strata::schedule
