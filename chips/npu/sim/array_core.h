// The array core of a machine: what chips/npu/ISA.md says, with the machine's sizes and speeds.
//
//   STRATA_ASSIGN_OR_RETURN(const Machine machine, FindMachine("edge_16"));
//   STRATA_ASSIGN_OR_RETURN(const std::unique_ptr<Core> core, NewArrayCore(machine));
#ifndef STRATA_CHIPS_NPU_SIM_ARRAY_CORE_H_
#define STRATA_CHIPS_NPU_SIM_ARRAY_CORE_H_

#include <memory>
#include <optional>

#include "base/status.h"
#include "chips/npu/machine/machine.pb.h"
#include "chips/npu/sim/core.h"
#include "chips/numerics/tensor_core.h"

namespace strata::chips::npu {

// Indices into the core's events().
enum ArrayEvent : int { kMacI8, kMacBf16, kVectorOp, kMacF8 };

// Validates the machine. `products_as`: the chip whose tensor cores compute its float products, bit for bit
// (chips/numerics/tensor_core.h); the cycles stay the machine's own. Instructions of a type that the chip does not
// multiply are INVALID_ARGUMENT then. Unset: the array's own order of sums, as chips/npu/ISA.md has it.
absl::StatusOr<std::unique_ptr<Core>> NewArrayCore(
    const Machine& machine, std::optional<Generation> products_as = std::nullopt);

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_SIM_ARRAY_CORE_H_
