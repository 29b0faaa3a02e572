#include "distributed/schedule/builder.h"
#include "distributed/schedule/makers.h"

namespace strata::schedule {
namespace {

// `width` forwards run ahead at rank 0 for each rank further down: 1 in H1, 2 in H2. As many W as
// forwards were left out wait on a lower rank, so that all ranks hold the same.
Schedule MakeZbH(const std::string& name, const ScheduleShape& shape, int width) {
  Schedule schedule = EmptySchedule(name, shape, 1);
  for (int rank = 0; rank < shape.ranks; ++rank) {
    SlotWriter writer(&schedule, rank);
    writer.Serve(rank, 0, shape.microbatches);
    const int warm_up = width * (shape.ranks - 1 - rank) + 1;
    const int waiting = width * rank;
    for (int k = 0; k < warm_up; ++k) writer.Forward(rank);
    for (int k = 0; k < shape.microbatches; ++k) {
      writer.BackwardInput(rank);
      if (k >= waiting) writer.Weight();
      writer.Forward(rank);
    }
    while (writer.waiting_weights() > 0) writer.Weight();
  }
  return schedule;
}

}  // namespace

absl::StatusOr<Schedule> MakeZbH1(const ScheduleShape& shape) {
  STRATA_RETURN_IF_ERROR(CheckShape(shape, 1));
  return MakeZbH("zb_h1", shape, 1);
}

absl::StatusOr<Schedule> MakeZbH2(const ScheduleShape& shape) {
  STRATA_RETURN_IF_ERROR(CheckShape(shape, 1));
  return MakeZbH("zb_h2", shape, 2);
}

}  // namespace strata::schedule
