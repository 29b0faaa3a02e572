#include <algorithm>

#include "absl/strings/str_cat.h"
#include "distributed/schedule/builder.h"
#include "distributed/schedule/makers.h"

namespace strata::schedule {
namespace {

// The k-th forward or backward of a rank: `ranks` microbatches on a chunk, the same ones on the
// next chunk and so on; then the next `ranks` microbatches.
Slot TurnOf(SlotKind kind, int k, int rank, int ranks, int chunks_per_rank) {
  const int group = k / (ranks * chunks_per_rank);
  const int within = k % (ranks * chunks_per_rank);
  const int turn = within / ranks;
  const int chunk = kind == SlotKind::kForward ? turn : chunks_per_rank - 1 - turn;
  return {kind, group * ranks + within % ranks, chunk * ranks + rank};
}

}  // namespace

absl::StatusOr<Schedule> MakeInterleaved1F1B(const ScheduleShape& shape) {
  const int ranks = shape.ranks;
  const int chunks = shape.chunks_per_rank == 0 ? 2 : shape.chunks_per_rank;
  STRATA_RETURN_IF_ERROR(CheckShape(shape, chunks));
  if (chunks < 2) {
    return absl::InvalidArgumentError(absl::StrCat(
        "chunks_per_rank: is ", chunks, "; interleaving takes at least 2, with 1 it is 1f1b"));
  }
  if (shape.microbatches % ranks != 0) {
    return absl::InvalidArgumentError(absl::StrCat("microbatches: ", shape.microbatches,
                                                   " is not a multiple of ", ranks, " ranks; give ",
                                                   (shape.microbatches / ranks + 1) * ranks));
  }
  Schedule schedule = EmptySchedule("interleaved_1f1b", shape, chunks);
  const int total = shape.microbatches * chunks;
  for (int rank = 0; rank < ranks; ++rank) {
    std::vector<Slot>& slots = schedule.slots[rank];
    const auto add = [&](SlotKind kind, int k) {
      slots.push_back(TurnOf(kind, k, rank, ranks, chunks));
    };
    // The rank's first backward waits for ranks - 1 - rank forwards of its last chunk further down
    // and as many backwards on the way up.
    const int warm_up = std::min(2 * (ranks - 1 - rank) + (chunks - 1) * ranks, total);
    for (int k = 0; k < warm_up; ++k) add(SlotKind::kForward, k);
    for (int k = 0; k < total; ++k) {
      if (warm_up + k < total) add(SlotKind::kForward, warm_up + k);
      add(SlotKind::kBackward, k);
    }
  }
  return schedule;
}

}  // namespace strata::schedule
