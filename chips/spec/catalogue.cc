#include "chips/spec/catalogue.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "base/textproto.h"
#include "chips/spec/host/host.h"
#include "chips/spec/validate.h"

namespace strata::chips {
namespace {

struct Entry {
  const char* name;
  const char* text;
};

constexpr Entry kEntries[] = {
#include "chips/spec/catalogue.inc"
};

constexpr char kHost[] = "host";

absl::StatusOr<Chip> ParseChip(const std::string& text, const std::string& where) {
  Chip chip;
  STRATA_RETURN_IF_ERROR(ParseTextProto(text, where, &chip));
  STRATA_RETURN_IF_ERROR(Annotate(ValidateChip(chip), where));
  return chip;
}

absl::StatusOr<Chip> ReadChip(const std::string& path) {
  Chip chip;
  STRATA_RETURN_IF_ERROR(ReadTextProto(path, &chip));
  STRATA_RETURN_IF_ERROR(Annotate(ValidateChip(chip), path));
  return chip;
}

bool IsPath(const std::string& name) {
  return absl::StrContains(name, "/") || absl::EndsWith(name, ".textproto");
}

}  // namespace

absl::StatusOr<Chip> FindChip(const std::string& name_or_path) {
  if (name_or_path == kHost) return MeasureHost(HostOptions());
  for (const Entry& entry : kEntries) {
    if (name_or_path == entry.name)
      return ParseChip(entry.text, absl::StrCat("catalogue/", entry.name));
  }
  if (IsPath(name_or_path)) return ReadChip(name_or_path);
  return absl::NotFoundError(absl::StrCat("no chip named '", name_or_path,
                                          "'; there is: ", absl::StrJoin(ChipNames(), ", "),
                                          "; or give the path of a .textproto"));
}

std::vector<std::string> ChipNames() {
  std::vector<std::string> names = {kHost};
  for (const Entry& entry : kEntries) names.push_back(entry.name);
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> SimulatedChipNames() {
  std::vector<std::string> names;
  for (const Entry& entry : kEntries) {
    const absl::StatusOr<Chip> chip = ParseChip(entry.text, entry.name);
    if (chip.ok() && !chip->npu_machine().empty()) names.push_back(entry.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace strata::chips
