#include "llm/model/parameter_names.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace strata::llm {

ParameterNames::ParameterNames(const DecoderConfig& config)
    : row_(**FindArchitecture(config.architecture())) {
  for (const auto& [role, pattern] : row_.tensors) {
    const bool of_layer = absl::StrContains(pattern, "{layer}");
    for (int64_t layer = 0; layer < (of_layer ? config.layers() : 1); ++layer)
      by_stem_[FillName(pattern, layer)] = {role, layer, ""};
  }
}

absl::StatusOr<ParameterId> ParameterNames::Find(const std::string& name) const {
  for (absl::string_view suffix : {".weight", ".bias", ""}) {
    if (!absl::EndsWith(name, suffix)) continue;
    const auto it = by_stem_.find(name.substr(0, name.size() - suffix.size()));
    if (it == by_stem_.end()) continue;
    ParameterId id = it->second;
    id.suffix = std::string(suffix);
    return id;
  }
  return absl::NotFoundError(
      absl::StrCat("parameter '", name, "' is not one of the architecture '", row_.name, "'"));
}

std::string ParameterNames::HfName(const ParameterId& id, int64_t expert) const {
  return FillName(HfPattern(row_, id.role), id.layer, expert) + id.suffix;
}

std::string ParameterNames::GgufNameOf(const ParameterId& id) {
  return GgufName(id.role, id.layer) + id.suffix;
}

}  // namespace strata::llm
