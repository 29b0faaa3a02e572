// What a machine does at most a cycle.
//
//   const double ideal_cycles = macs / PeakMacsPerCycle(machine, chips::BF16);
//
// The cube of a core of DaVinci kind is 16 x 16 x 16 for f16 and twice as deep for int8: Liao et al., DaVinci, Hot
// Chips 31, 2019.
#ifndef STRATA_CHIPS_NPU_MACHINE_PEAK_H_
#define STRATA_CHIPS_NPU_MACHINE_PEAK_H_

#include "chips/npu/machine/machine.pb.h"

namespace strata::chips::npu {

// Multiply-adds of the array, which does as many of each type that it has, or of the cube. That the machine has the
// type is not asked: HasType() tells. The machine has passed ValidateMachine().
double PeakMacsPerCycle(const Machine& machine, DType operands);

// 32-bit elements of the vector unit.
double PeakVectorElementsPerCycle(const Machine& machine);

}  // namespace strata::chips::npu

#endif  // STRATA_CHIPS_NPU_MACHINE_PEAK_H_
