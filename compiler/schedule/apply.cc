#include <variant>

#include "absl/strings/str_cat.h"
#include "compiler/schedule/legality.h"
#include "compiler/schedule/schedule.h"
#include "compiler/schedule/sharing.h"
#include "compiler/schedule/steps.h"

namespace strata::compiler::schedule {
namespace {

// A loop that is shared out with another stays so, whatever is done to what it holds.
absl::Status CheckSharing(const Program& program) {
  for (const Node& node : program.body) {
    if (!node.is_loop || node.loop.with.empty()) continue;
    STRATA_RETURN_IF_ERROR(SharingOf(node.loop).status());
    STRATA_RETURN_IF_ERROR(CheckShared(program, node.loop.name, node.loop.with));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Program> Apply(const Program& program, const Schedule& schedule) {
  STRATA_RETURN_IF_ERROR(Validate(program));
  Replay replay{program};
  for (size_t i = 0; i < schedule.size(); ++i) {
    const std::string where = absl::StrCat("step ", i + 1, " (", Print(schedule[i]), ")");
    STRATA_RETURN_IF_ERROR(Annotate(
        std::visit([&](const auto& step) { return Run(step, &replay); }, schedule[i]), where));
    STRATA_RETURN_IF_ERROR(Annotate(CheckSharing(replay.program), where));
    const absl::Status valid = Validate(replay.program);
    if (!valid.ok())
      return absl::InternalError(absl::StrCat(where, " made a bad program: ", valid.message()));
  }
  return std::move(replay.program);
}

}  // namespace strata::compiler::schedule
