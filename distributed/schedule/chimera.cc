#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distributed/schedule/builder.h"
#include "distributed/schedule/makers.h"

namespace strata::schedule {
namespace {

// When each slot would run if F and B took one tick each. A unit is `ranks` microbatches, half of
// them each way, 2 ticks apart: F of chunk c at c, B of chunk c at 2 ranks - 1 - c after the
// microbatch enters. Chunks c and ranks - 1 - c lie on one rank and ranks is even, so the two
// directions' ticks differ by an odd number, or by at least 2: none falls on another. Within 2
// ranks ticks each is taken once, so that the next unit follows 2 ranks ticks later.
std::vector<std::pair<int64_t, Slot>> TicksOf(const Schedule& schedule, int rank) {
  const int ranks = schedule.ranks;
  std::vector<std::pair<int64_t, Slot>> ticks;
  for (int first = 0; first < schedule.microbatches; first += ranks) {
    const int count = std::min(ranks, schedule.microbatches - first);
    const int down = (count + 1) / 2;
    for (int k = 0; k < count; ++k) {
      const bool is_down = k < down;
      const int chunk = is_down ? rank : ranks - 1 - rank;
      const int64_t enters = 2 * int64_t{first} + 2 * (is_down ? k : k - down);
      ticks.push_back({enters + chunk, {SlotKind::kForward, first + k, chunk}});
      ticks.push_back({enters + 2 * ranks - 1 - chunk, {SlotKind::kBackward, first + k, chunk}});
    }
  }
  return ticks;
}

}  // namespace

absl::StatusOr<Schedule> MakeChimera(const ScheduleShape& shape) {
  STRATA_RETURN_IF_ERROR(CheckShape(shape, 1));
  if (shape.ranks % 2 != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("ranks: ", shape.ranks, " is odd; the two directions would collide, give ",
                     shape.ranks + 1));
  }
  Schedule schedule = EmptySchedule("chimera", shape, 1);
  for (int rank = 0; rank < shape.ranks; ++rank) {
    auto ticks = TicksOf(schedule, rank);
    std::sort(ticks.begin(), ticks.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [tick, slot] : ticks) schedule.slots[rank].push_back(slot);
  }
  return schedule;
}

}  // namespace strata::schedule
