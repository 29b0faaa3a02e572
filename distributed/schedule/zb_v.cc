#include <algorithm>

#include "distributed/schedule/builder.h"
#include "distributed/schedule/makers.h"

namespace strata::schedule {
namespace {

// The pattern of a rank for a step of at least 2 ranks - 1 microbatches; of a shorter step the
// writer leaves out what is not there.
void WriteRank(int rank, const ScheduleShape& shape, SlotWriter* writer) {
  const int down = rank;                      // the chunk on the way down
  const int up = 2 * shape.ranks - 1 - rank;  // the chunk on the way back up
  const int below = shape.ranks - rank;       // ranks from here to the fold
  const int count = std::max(shape.microbatches, 2 * shape.ranks - 1);
  writer->Serve(down, 0, shape.microbatches);
  writer->Serve(up, 0, shape.microbatches);
  // Until the first microbatch is back from the fold.
  for (int i = 0; i < 2 * below - 1; ++i) writer->Forward(down);
  for (int i = 0; i < rank; ++i) {
    writer->Forward(up);
    writer->Forward(down);
  }
  for (int i = 0; i < below; ++i) {
    writer->Forward(up);
    writer->BackwardInput(up);
    writer->Weight(up);
  }
  // A microbatch a turn, both ways on both chunks.
  while (writer->forwards(up) < writer->forwards(down) || writer->forwards(down) < count) {
    if (writer->forwards(down) < count) writer->Forward(down);
    writer->BackwardInput(down);
    writer->Weight(down);
    writer->Forward(up);
    writer->BackwardInput(up);
    writer->Weight(up);
  }
  // What is left are backwards; W fills where they do not come fast enough.
  for (int i = 0; i < rank; ++i) {
    writer->BackwardInput(down);
    writer->BackwardInput(up);
  }
  for (int i = 0; i < below; ++i) {
    writer->BackwardInput(down);
    writer->Weight(down);
  }
  while (writer->waiting_weights() > 0) writer->Weight();
}

}  // namespace

absl::StatusOr<Schedule> MakeZbV(const ScheduleShape& shape) {
  STRATA_RETURN_IF_ERROR(CheckShape(shape, 2));
  Schedule schedule = EmptySchedule("zb_v", shape, 2);
  for (int rank = 0; rank < shape.ranks; ++rank) {
    SlotWriter writer(&schedule, rank);
    WriteRank(rank, shape, &writer);
  }
  return schedule;
}

}  // namespace strata::schedule
