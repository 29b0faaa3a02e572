#include "distributed/schedule/builder.h"
#include "distributed/schedule/makers.h"

namespace strata::schedule {

absl::StatusOr<Schedule> MakeGpipe(const ScheduleShape& shape) {
  STRATA_RETURN_IF_ERROR(CheckShape(shape, 1));
  Schedule schedule = EmptySchedule("gpipe", shape, 1);
  for (int rank = 0; rank < shape.ranks; ++rank) {
    std::vector<Slot>& slots = schedule.slots[rank];
    for (int k = 0; k < shape.microbatches; ++k) slots.push_back({SlotKind::kForward, k, rank});
    for (int k = shape.microbatches - 1; k >= 0; --k)
      slots.push_back({SlotKind::kBackward, k, rank});
  }
  return schedule;
}

}  // namespace strata::schedule
