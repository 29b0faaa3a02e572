#include <algorithm>

#include "distributed/schedule/builder.h"
#include "distributed/schedule/makers.h"

namespace strata::schedule {

absl::StatusOr<Schedule> Make1F1B(const ScheduleShape& shape) {
  STRATA_RETURN_IF_ERROR(CheckShape(shape, 1));
  Schedule schedule = EmptySchedule("1f1b", shape, 1);
  for (int rank = 0; rank < shape.ranks; ++rank) {
    SlotWriter writer(&schedule, rank);
    writer.Serve(rank, 0, shape.microbatches);
    const int warm_up = std::min(shape.ranks - 1 - rank, shape.microbatches);
    for (int k = 0; k < warm_up; ++k) writer.Forward(rank);
    for (int k = 0; k < shape.microbatches; ++k) {
      writer.Forward(rank);
      writer.Backward(rank);
    }
  }
  return schedule;
}

}  // namespace strata::schedule
