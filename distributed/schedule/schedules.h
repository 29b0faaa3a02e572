// The schedules by name: how a flag picks one.
//
//   STRATA_ASSIGN_OR_RETURN(const Schedule schedule,
//                           MakeSchedule("1f1b", {.ranks = 4, .microbatches = 8}));
//
// gpipe, 1f1b, interleaved_1f1b, zb_h1, zb_h2, zb_v, dualpipe, dualpipe_v, chimera: makers.h says
// what each is and asks for. One's own:
//
//   ScheduleRegistry().Register("mine", [](const ScheduleShape& shape) { return ...; });
#ifndef STRATA_DISTRIBUTED_SCHEDULE_SCHEDULES_H_
#define STRATA_DISTRIBUTED_SCHEDULE_SCHEDULES_H_

#include <string>
#include <vector>

#include "base/registry.h"
#include "base/status.h"
#include "distributed/schedule/schedule.h"
#include "distributed/schedule/shape.h"

namespace strata::schedule {

// Holds all of makers.h from the start.
Registry<Schedule, const ScheduleShape&>& ScheduleRegistry();

// A valid schedule. NOT_FOUND lists the names there are; INVALID_ARGUMENT: "zb_v: ranks: is 0;
// ...".
absl::StatusOr<Schedule> MakeSchedule(const std::string& name, const ScheduleShape& shape);

// Those of makers.h, in the order they were invented.
const std::vector<std::string>& ScheduleNames();

}  // namespace strata::schedule

#endif  // STRATA_DISTRIBUTED_SCHEDULE_SCHEDULES_H_
