#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "base/textproto.h"
#include "chips/npu/machine/machine.h"

namespace strata::chips::npu {
namespace {

struct Entry {
  const char* name;
  const char* text;
};

constexpr Entry kEntries[] = {
#include "chips/npu/machine/catalogue.inc"
};

bool IsPath(const std::string& name) {
  return absl::StrContains(name, "/") || absl::EndsWith(name, ".textproto");
}

}  // namespace

absl::StatusOr<Machine> FindMachine(const std::string& name_or_path) {
  Machine machine;
  for (const Entry& entry : kEntries) {
    if (name_or_path != entry.name) continue;
    const std::string where = absl::StrCat("catalogue/", entry.name);
    STRATA_RETURN_IF_ERROR(ParseTextProto(entry.text, where, &machine));
    STRATA_RETURN_IF_ERROR(Annotate(ValidateMachine(machine), where));
    return machine;
  }
  if (!IsPath(name_or_path)) {
    return absl::NotFoundError(absl::StrCat("no machine named '", name_or_path,
                                            "'; there is: ", absl::StrJoin(MachineNames(), ", "),
                                            "; or give the path of a .textproto"));
  }
  STRATA_RETURN_IF_ERROR(ReadTextProto(name_or_path, &machine));
  STRATA_RETURN_IF_ERROR(Annotate(ValidateMachine(machine), name_or_path));
  return machine;
}

std::vector<std::string> MachineNames() {
  std::vector<std::string> names;
  for (const Entry& entry : kEntries) names.push_back(entry.name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace strata::chips::npu
