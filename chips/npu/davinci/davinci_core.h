// The DaVinci core of a machine: what chips/npu/davinci/ISA.md says, with the machine's sizes and speeds.
//
//   STRATA_ASSIGN_OR_RETURN(const Machine machine, FindMachine("davinci_like"));
//   STRATA_ASSIGN_OR_RETURN(const std::unique_ptr<Core> core, NewDavinciCore(machine));
#ifndef STRATA_CHIPS_NPU_DAVINCI_DAVINCI_CORE_H_
#define STRATA_CHIPS_NPU_DAVINCI_DAVINCI_CORE_H_

#include <memory>

#include "base/status.h"
#include "chips/npu/machine/machine.pb.h"
#include "chips/npu/sim/core.h"

namespace strata::chips::npu::davinci {

// Indices into the core's events().
enum DavinciEvent : int { kMacI8, kMacF16, kVectorOp };

// Validates the machine; INVALID_ARGUMENT when it is no DaVinci core.
absl::StatusOr<std::unique_ptr<Core>> NewDavinciCore(const Machine& machine);

}  // namespace strata::chips::npu::davinci

#endif  // STRATA_CHIPS_NPU_DAVINCI_DAVINCI_CORE_H_
