#include "compiler/device/collectives.h"

#include "absl/strings/str_cat.h"

namespace strata::compiler {
absl::StatusOr<Collectives*> Collectives::Group(absl::string_view axes) {
  if (axes.empty()) return this;
  return absl::InvalidArgumentError(
      absl::StrCat("group '", axes,
                   "': these collectives know no mesh, so there is only the group of all ranks"));
}

}  // namespace strata::compiler
