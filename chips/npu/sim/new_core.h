// The core of a machine, whichever kind it is.
//
//   STRATA_ASSIGN_OR_RETURN(const Machine machine, FindMachine(name));
//   STRATA_ASSIGN_OR_RETURN(const std::unique_ptr<Core> core, NewCore(machine));
//   STRATA_ASSIGN_OR_RETURN(const Program program, Assemble(core->isa(), text, file));
#ifndef STRATA_CHIPS_NPU_SIM_NEW_CORE_H_
#define STRATA_CHIPS_NPU_SIM_NEW_CORE_H_

#include <memory>
#include <optional>

#include "base/status.h"
#include "chips/npu/machine/machine.pb.h"
#include "chips/npu/sim/core.h"
#include "chips/numerics/tensor_core.h"

namespace strata::chips::npu {

// Validates the machine. `products_as`: as in NewArrayCore(); UNIMPLEMENTED for other cores.
absl::StatusOr<std::unique_ptr<Core>> NewCore(const Machine& machine,
                                              std::optional<Generation> products_as = std::nullopt);

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_SIM_NEW_CORE_H_
