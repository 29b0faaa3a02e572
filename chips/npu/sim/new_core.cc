#include "chips/npu/sim/new_core.h"

#include "chips/npu/davinci/davinci_core.h"
#include "chips/npu/sim/array_core.h"

namespace strata::chips::npu {

absl::StatusOr<std::unique_ptr<Core>> NewCore(const Machine& machine) {
  return machine.has_davinci() ? davinci::NewDavinciCore(machine) : NewArrayCore(machine);
}

}  // namespace strata::chips::npu
