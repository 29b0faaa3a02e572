#include "distributed/schedule/validate.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "distributed/schedule/activations.h"
#include "distributed/schedule/replay.h"
#include "distributed/schedule/slot_table.h"

namespace strata::schedule {
namespace {

template <typename... Args>
absl::Status Fault(const Args&... args) {
  return absl::InvalidArgumentError(absl::StrCat(args...));
}

absl::Status CheckSizes(const Schedule& schedule) {
  if (schedule.ranks < 1) return Fault("ranks: is ", schedule.ranks, "; give at least 1");
  if (schedule.microbatches < 1)
    return Fault("microbatches: is ", schedule.microbatches, "; a step has at least one");
  if (static_cast<int>(schedule.slots.size()) != schedule.ranks) {
    return Fault("pipeline: has ", schedule.slots.size(), " lists of slots for ", schedule.ranks,
                 " ranks; give one a rank");
  }
  if (schedule.chunks < schedule.ranks) {
    return Fault("chunks: is ", schedule.chunks, " for ", schedule.ranks,
                 " ranks; each rank holds at least one");
  }
  for (int rank = 0; rank < schedule.ranks; ++rank) {
    if (schedule.slots[rank].empty())
      return Fault("pipeline[", rank, "].slots: is empty; the rank would do nothing");
  }
  return absl::OkStatus();
}

// The checks of one schedule whose sizes and chunks are valid.
class Checker {
 public:
  Checker(const Schedule& schedule, const SlotTable& table) : schedule_(schedule), table_(table) {}

  absl::Status CheckCompleteness() const {
    for (int microbatch = 0; microbatch < schedule_.microbatches; ++microbatch) {
      for (int chunk = 0; chunk < schedule_.chunks; ++chunk)
        STRATA_RETURN_IF_ERROR(CheckWork(microbatch, chunk));
    }
    return absl::OkStatus();
  }

  // What is plain to see within a rank; what spans ranks shows in the replay.
  absl::Status CheckOrder() const {
    for (int rank = 0; rank < schedule_.ranks; ++rank) {
      for (int i = 0; i < static_cast<int>(schedule_.slots[rank].size()); ++i) {
        STRATA_RETURN_IF_ERROR(Annotate(CheckSlot(rank, i), SlotPath(rank, i)));
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Missing(SlotKind kind, int microbatch, int chunk, const SlotPlace& beside) const {
    const std::string what = DescribeSlot(kind, microbatch, chunk);
    if (beside.exists()) {
      return Fault("pipeline[", beside.rank, "]: ", what, " is missing; add it ",
                   kind == SlotKind::kForward ? "before " : "after ",
                   SlotPath(beside.rank, beside.index));
    }
    return Fault("pipeline: ", what, " is missing, and so is all else of that microbatch there; ",
                 "every microbatch runs through every chunk");
  }

  // F, B and W of a microbatch on a chunk: all there, on one rank, which alone has the activations.
  absl::Status CheckWork(int microbatch, int chunk) const {
    const SlotPlace forward = table_.forward(microbatch, chunk);
    const SlotPlace backward = table_.backward(microbatch, chunk);
    const SlotPlace weight = table_.weight(microbatch, chunk);
    if (!forward.exists())
      return Missing(SlotKind::kForward, microbatch, chunk, backward.exists() ? backward : weight);
    if (!backward.exists()) {
      const SlotKind kind = weight.exists() ? SlotKind::kBackwardInput : SlotKind::kBackward;
      return Missing(kind, microbatch, chunk, forward);
    }
    const bool split =
        schedule_.slots[backward.rank][backward.index].kind == SlotKind::kBackwardInput;
    if (split && !weight.exists()) return Missing(SlotKind::kWeight, microbatch, chunk, backward);
    if (!split && weight.exists()) {
      return Fault(SlotPath(weight.rank, weight.index), ": ",
                   DescribeSlot(SlotKind::kWeight, microbatch, chunk), ": ",
                   SlotPath(backward.rank, backward.index),
                   " is a BACKWARD, which makes the gradients of the weights too; take the WEIGHT "
                   "away or make that a BACKWARD_INPUT");
    }
    STRATA_RETURN_IF_ERROR(CheckSameRank(forward, backward));
    return weight.exists() ? CheckSameRank(forward, weight) : absl::OkStatus();
  }

  absl::Status CheckSameRank(const SlotPlace& forward, const SlotPlace& later) const {
    if (later.rank == forward.rank) return absl::OkStatus();
    return Fault(SlotPath(later.rank, later.index), ": ",
                 DescribeSlot(schedule_.slots[later.rank][later.index]), " is on rank ", later.rank,
                 ", but rank ", forward.rank, " did its FORWARD, ",
                 SlotPath(forward.rank, forward.index), ", and has the activations; move it there");
  }

  absl::Status CheckSlot(int rank, int index) const {
    const std::vector<Slot>& slots = schedule_.slots[rank];
    if (slots[index].with_next) {
      if (index + 1 == static_cast<int>(slots.size()))
        return Fault("with_next: this is the rank's last slot; clear it");
      if (slots[index + 1].with_next)
        return Fault("with_next: the slot after it runs with the one after that; pairs only");
    }
    for (const SlotPlace& need : table_.Needs(rank, index)) {
      if (need.rank != rank) continue;
      const std::string path = SlotPath(rank, need.index);
      if (need.index > index) {
        return Fault(DescribeSlot(slots[index]), " comes before what it needs, ", path, " (",
                     DescribeSlot(slots[need.index]), "); swap them");
      }
      if (need.index + 1 == index && slots[need.index].with_next)
        return Fault(DescribeSlot(slots[index]), " needs ", path,
                     ", which runs with it; clear that slot's with_next");
    }
    return absl::OkStatus();
  }

  const Schedule& schedule_;
  const SlotTable& table_;
};

absl::Status CheckLimits(const Schedule& schedule, const Limits& limits) {
  if (limits.peak_activations <= 0) return absl::OkStatus();
  const std::vector<double> peaks = PeakActivations(schedule, limits.kept_for_weight);
  for (size_t rank = 0; rank < peaks.size(); ++rank) {
    if (peaks[rank] > limits.peak_activations) {
      return absl::ResourceExhaustedError(
          absl::StrCat("pipeline[", rank, "]: holds the activations of ", peaks[rank],
                       " chunks at once, the limit is ", limits.peak_activations,
                       "; bring backward slots forward, or take a schedule that holds less"));
    }
  }
  return absl::OkStatus();
}

absl::Status Validate(const Schedule& schedule, const Limits& limits) {
  STRATA_RETURN_IF_ERROR(CheckSizes(schedule));
  STRATA_ASSIGN_OR_RETURN(const SlotTable table, SlotTable::Of(schedule));
  const Checker checker(schedule, table);
  STRATA_RETURN_IF_ERROR(checker.CheckCompleteness());
  STRATA_RETURN_IF_ERROR(checker.CheckOrder());
  STRATA_RETURN_IF_ERROR(Replay(schedule, table, SlotTimes()).status());
  return CheckLimits(schedule, limits);
}

}  // namespace

absl::Status ValidateSchedule(const Schedule& schedule, const Limits& limits) {
  const absl::Status status = Validate(schedule, limits);
  return schedule.name.empty() ? status : Annotate(status, schedule.name);
}

}  // namespace strata::schedule
