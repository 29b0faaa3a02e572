#include <algorithm>

#include "absl/strings/str_cat.h"
#include "distributed/schedule/builder.h"
#include "distributed/schedule/makers.h"

namespace strata::schedule {
namespace {

// Where a rank stands: `place` ranks from where its near stream enters, of `half` to the middle
// (DualPipe) or the fold (DualPipeV). Microbatches of the near chunk have come this way from that
// end; those of the far chunk come from beyond the middle.
struct Post {
  int place = 0;
  int half = 0;
  int near = 0;   // chunk
  int far = 0;    // chunk
  int count = 0;  // microbatches of either chunk; at least 2 half
};

void WarmUp(const Post& at, SlotWriter* writer) {
  for (int i = 0; i < 2 * (at.half - 1 - at.place); ++i) writer->Forward(at.near);
  for (int i = 0; i < at.place + 1; ++i) {
    writer->Forward(at.near);
    writer->Forward(at.far);
  }
  // The far stream comes back; W fills its gaps.
  for (int i = 0; i < at.half - 1 - at.place; ++i) {
    writer->BackwardInput(at.far);
    writer->Weight();
    writer->Forward(at.far);
  }
}

void SteadyState(const Post& at, SlotWriter* writer) {
  for (int i = 0; i < at.count - 2 * at.half + at.place + 1; ++i) {
    if (i == 0 && at.place == at.half - 1) {  // in the middle, each at once: the other rank waits
      writer->Forward(at.near);
      writer->Backward(at.far);
    } else {
      writer->ForwardWithBackward(at.near, at.far);
    }
    writer->ForwardWithBackward(at.far, at.near);
  }
}

void CoolDown(const Post& at, SlotWriter* writer) {
  for (int i = 0; i < at.half - 1 - at.place; ++i) {
    writer->Backward(at.far);
    writer->ForwardWithBackward(at.far, at.near);
  }
  // From the middle of the 2 (place + 1) backwards on, W is put off to fill the end.
  for (int i = 0; i < 2 * (at.place + 1); ++i) {
    const int chunk = i % 2 == 0 ? at.far : at.near;
    if (i > at.place) {
      writer->BackwardInput(chunk);
    } else {
      writer->Backward(chunk);
    }
  }
  for (int i = 0; i < at.half - 1 - at.place; ++i) {
    writer->Weight();
    writer->BackwardInput(at.near);
  }
  while (writer->waiting_weights() > 0) writer->Weight();
}

void WriteRank(const Post& at, SlotWriter* writer) {
  WarmUp(at, writer);
  SteadyState(at, writer);
  CoolDown(at, writer);
}

absl::Status TooFew(int microbatches, int least) {
  return absl::InvalidArgumentError(absl::StrCat(
      "microbatches: ", microbatches, " do not fill the pipeline; give at least ", least));
}

}  // namespace

absl::StatusOr<Schedule> MakeDualPipe(const ScheduleShape& shape) {
  STRATA_RETURN_IF_ERROR(CheckShape(shape, 1));
  const int ranks = shape.ranks;
  if (ranks % 2 != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "ranks: ", ranks, " is odd; the two directions meet in the middle, give ", ranks + 1));
  }
  if (shape.microbatches % 2 != 0) {
    return absl::InvalidArgumentError(absl::StrCat("microbatches: ", shape.microbatches,
                                                   " is odd; half go either way, give ",
                                                   shape.microbatches + 1));
  }
  if (shape.microbatches < 2 * ranks) return TooFew(shape.microbatches, 2 * ranks);
  Schedule schedule = EmptySchedule("dualpipe", shape, 1);
  const int count = shape.microbatches / 2;
  for (int rank = 0; rank < ranks; ++rank) {
    const int down = rank;            // the chunk of those that enter at rank 0
    const int up = ranks - 1 - rank;  // of those that enter at the last rank
    SlotWriter writer(&schedule, rank);
    writer.Serve(down, 0, count);
    writer.Serve(up, count, count);
    const bool first_half = rank < ranks / 2;
    WriteRank({.place = std::min(rank, ranks - 1 - rank),
               .half = ranks / 2,
               .near = first_half ? down : up,
               .far = first_half ? up : down,
               .count = count},
              &writer);
  }
  return schedule;
}

absl::StatusOr<Schedule> MakeDualPipeV(const ScheduleShape& shape) {
  STRATA_RETURN_IF_ERROR(CheckShape(shape, 2));
  const int ranks = shape.ranks;
  if (shape.microbatches < 2 * ranks) return TooFew(shape.microbatches, 2 * ranks);
  Schedule schedule = EmptySchedule("dualpipe_v", shape, 2);
  for (int rank = 0; rank < ranks; ++rank) {
    const int down = rank;
    const int up = 2 * ranks - 1 - rank;
    SlotWriter writer(&schedule, rank);
    writer.Serve(down, 0, shape.microbatches);
    writer.Serve(up, 0, shape.microbatches);
    WriteRank({.place = rank, .half = ranks, .near = down, .far = up, .count = shape.microbatches},
              &writer);
  }
  return schedule;
}

}  // namespace strata::schedule
