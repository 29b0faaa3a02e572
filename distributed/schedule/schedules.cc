#include "distributed/schedule/schedules.h"

#include <memory>
#include <utility>

#include "distributed/schedule/makers.h"
#include "distributed/schedule/validate.h"

namespace strata::schedule {
namespace {

struct Row {
  const char* name;
  absl::StatusOr<Schedule> (*make)(const ScheduleShape&);
};

constexpr Row kRows[] = {
    {"gpipe", MakeGpipe},     {"1f1b", Make1F1B},         {"interleaved_1f1b", MakeInterleaved1F1B},
    {"chimera", MakeChimera}, {"zb_h1", MakeZbH1},        {"zb_h2", MakeZbH2},
    {"zb_v", MakeZbV},        {"dualpipe", MakeDualPipe}, {"dualpipe_v", MakeDualPipeV},
};

}  // namespace

Registry<Schedule, const ScheduleShape&>& ScheduleRegistry() {
  static auto* registry = [] {
    auto* made = new Registry<Schedule, const ScheduleShape&>("schedule");
    for (const Row& row : kRows) {
      made->Register(row.name,
                     [make = row.make](
                         const ScheduleShape& shape) -> absl::StatusOr<std::unique_ptr<Schedule>> {
                       STRATA_ASSIGN_OR_RETURN(Schedule schedule, make(shape));
                       return std::make_unique<Schedule>(std::move(schedule));
                     });
    }
    return made;
  }();
  return *registry;
}

absl::StatusOr<Schedule> MakeSchedule(const std::string& name, const ScheduleShape& shape) {
  auto schedule = ScheduleRegistry().Create(name, shape);
  if (absl::IsNotFound(schedule.status())) return schedule.status();
  STRATA_RETURN_IF_ERROR(Annotate(schedule.status(), name));
  STRATA_RETURN_IF_ERROR(ValidateSchedule(**schedule));
  return std::move(**schedule);
}

const std::vector<std::string>& ScheduleNames() {
  static const auto* names = [] {
    auto* made = new std::vector<std::string>;
    for (const Row& row : kRows) made->push_back(row.name);
    return made;
  }();
  return *names;
}

}  // namespace strata::schedule
