// Whether a chip and the machine that simulates it (Chip.npu_machine) are one: predictions take the chip's figures,
// simulations the machine's, so that the two are comparable only where the figures agree.
//
//   STRATA_ASSIGN_OR_RETURN(const Machine machine, FindMachine(chip.npu_machine()));
//   STRATA_RETURN_IF_ERROR(CheckChipIsMachine(chip, machine));
#ifndef STRATA_CHIPS_NPU_MACHINE_CHECK_CHIP_H_
#define STRATA_CHIPS_NPU_MACHINE_CHECK_CHIP_H_

#include "base/status.h"
#include "chips/npu/machine/machine.pb.h"
#include "chips/spec/chip.pb.h"

namespace strata::chips::npu {

// Both have passed their validators. Compared, to a millionth, is what both state: cores (arrays; a core of DaVinci kind
// is one), rates of matrix units, rates of the vector unit in types of 32 bits, and of each memory kind, instances,
// capacity and bandwidth. The chip's memories have the machine's names (ACC, L1, L2; L0A, L0B, L0C, UB, L1), its main
// memory any. What the chip leaves out contradicts nothing.
//
// INVALID_ARGUMENT: "chip 'x': rates[0].flops_per_second.value: 9e+15 contradicts npu_machine 'edge_16', whose array
// gives 5.12e+11; ...".
absl::Status CheckChipIsMachine(const Chip& chip, const Machine& machine);

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_MACHINE_CHECK_CHIP_H_
