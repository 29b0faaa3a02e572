#include "chips/npu/sim/new_core.h"

#include "absl/strings/str_cat.h"
#include "chips/npu/davinci/davinci_core.h"
#include "chips/npu/sim/array_core.h"

namespace strata::chips::npu {

absl::StatusOr<std::unique_ptr<Core>> NewCore(const Machine& machine,
                                              std::optional<Generation> products_as) {
  if (!machine.has_davinci()) return NewArrayCore(machine, products_as);
  if (!products_as.has_value()) return davinci::NewDavinciCore(machine);
  return absl::UnimplementedError(
      absl::StrCat("machine '", machine.name(), "' computes its products in its own way only"));
}

}  // namespace strata::chips::npu
