#include <variant>

#include "absl/strings/str_cat.h"
#include "compiler/schedule/schedule.h"
#include "compiler/schedule/steps.h"

namespace strata::compiler::schedule {

absl::StatusOr<Program> Apply(const Program& program, const Schedule& schedule) {
  STRATA_RETURN_IF_ERROR(Validate(program));
  Replay replay{program};
  for (size_t i = 0; i < schedule.size(); ++i) {
    const std::string where = absl::StrCat("step ", i + 1, " (", Print(schedule[i]), ")");
    STRATA_RETURN_IF_ERROR(Annotate(
        std::visit([&](const auto& step) { return Run(step, &replay); }, schedule[i]), where));
    const absl::Status valid = Validate(replay.program);
    if (!valid.ok())
      return absl::InternalError(absl::StrCat(where, " made a bad program: ", valid.message()));
  }
  return std::move(replay.program);
}

}  // namespace strata::compiler::schedule
