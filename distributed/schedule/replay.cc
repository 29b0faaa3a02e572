#include "distributed/schedule/replay.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace strata::schedule {
namespace {

class Replayer {
 public:
  Replayer(const Schedule& schedule, const SlotTable& table, const SlotTimes& times)
      : schedule_(schedule), table_(table), times_(times) {
    for (const auto& slots : schedule.slots) ran_.emplace_back(slots.size());
    next_.resize(schedule.slots.size());
  }

  absl::Status Run() {
    for (bool moved = true; moved;) {
      moved = false;
      for (int rank = 0; rank < Ranks(); ++rank) moved |= Advance(rank);
    }
    for (int rank = 0; rank < Ranks(); ++rank) {
      if (next_[rank] < Count(rank)) return Deadlock(rank);
    }
    return absl::OkStatus();
  }

  std::vector<std::vector<SlotTime>> TakeTimes() { return std::move(ran_); }

 private:
  int Ranks() const { return static_cast<int>(schedule_.slots.size()); }
  int Count(int rank) const { return static_cast<int>(schedule_.slots[rank].size()); }

  bool IsDone(const SlotPlace& place) const { return place.index < next_[place.rank]; }

  // One past the slots that run together from `first`.
  int UnitEnd(int rank, int first) const {
    return first + (schedule_.slots[rank][first].with_next && first + 1 < Count(rank) ? 2 : 1);
  }

  // The first thing that is not done of what the unit from `first` needs, and which slot needs it.
  SlotPlace Missing(int rank, int first, int* waiting) const {
    for (int i = first; i < UnitEnd(rank, first); ++i) {
      for (const SlotPlace& need : table_.Needs(rank, i)) {
        if (IsDone(need)) continue;
        *waiting = i;
        return need;
      }
    }
    return {};
  }

  // Runs what this rank can run now.
  bool Advance(int rank) {
    bool moved = false;
    int waiting = 0;
    while (next_[rank] < Count(rank) && !Missing(rank, next_[rank], &waiting).exists()) {
      RunUnit(rank);
      moved = true;
    }
    return moved;
  }

  void RunUnit(int rank) {
    const int first = next_[rank];
    const int end = UnitEnd(rank, first);
    int64_t start = first == 0 ? 0 : ran_[rank][first - 1].end;
    int64_t duration = 0;
    for (int i = first; i < end; ++i) {
      for (const SlotPlace& need : table_.Needs(rank, i)) {
        const int64_t there = ran_[need.rank][need.index].end;
        start = std::max(start, there + (need.rank == rank ? 0 : times_.hop));
      }
      duration += times_.Of(schedule_.slots[rank][i]);
    }
    if (end - first > 1 && times_.overlapped >= 0) duration = times_.overlapped;
    for (int i = first; i < end; ++i) ran_[rank][i] = {start, start + duration};
    next_[rank] = end;
  }

  // Follows who waits for whom from a rank that is stuck, round the circle once.
  absl::Status Deadlock(int rank) const {
    std::set<int> seen;
    for (int waiting = 0; seen.insert(rank).second;)
      rank = Missing(rank, next_[rank], &waiting).rank;
    std::string circle;
    const int start = rank;
    do {
      int waiting = 0;
      const SlotPlace need = Missing(rank, next_[rank], &waiting);
      absl::StrAppend(&circle, circle.empty() ? "" : "; ", SlotPath(rank, waiting), " (",
                      DescribeSlot(schedule_.slots[rank][waiting]), ") waits for ",
                      SlotPath(need.rank, need.index), " (",
                      DescribeSlot(schedule_.slots[need.rank][need.index]), ")");
      rank = need.rank;
    } while (rank != start);
    return absl::InvalidArgumentError(absl::StrCat(
        "deadlock: ", circle, "; move one of the slots waited for before the slot that waits"));
  }

  const Schedule& schedule_;
  const SlotTable& table_;
  const SlotTimes& times_;
  std::vector<std::vector<SlotTime>> ran_;
  std::vector<int> next_;  // by rank: the first slot not run
};

}  // namespace

int64_t SlotTimes::Of(const Slot& slot) const {
  int64_t time = 0;
  switch (slot.kind) {
    case SlotKind::kForward:
      time = forward;
      break;
    case SlotKind::kBackward:
      time = backward_input + weight;
      break;
    case SlotKind::kBackwardInput:
      time = backward_input;
      break;
    case SlotKind::kWeight:
      time = weight;
      break;
  }
  const bool scaled = slot.chunk < static_cast<int>(chunk_scale.size());
  return scaled ? time * chunk_scale[slot.chunk] : time;
}

absl::StatusOr<std::vector<std::vector<SlotTime>>> Replay(const Schedule& schedule,
                                                          const SlotTable& table,
                                                          const SlotTimes& times) {
  Replayer replayer(schedule, table, times);
  STRATA_RETURN_IF_ERROR(replayer.Run());
  return replayer.TakeTimes();
}

}  // namespace strata::schedule
