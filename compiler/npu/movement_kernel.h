// EmitMovementKernel(): one op that only moves elements, on the array core.
//
//   STRATA_ASSIGN_OR_RETURN(const NpuKernel kernel, EmitMovementKernel(region, machine));
//
// reshape, transpose, slice, concat and pad go from DRAM through L1 back to DRAM, in runs of what lies
// side by side on both sides. A transpose that moves the last dim turns tiles around in the
// accumulators, where a copy of a column into a row is an instruction.
#ifndef STRATA_COMPILER_NPU_MOVEMENT_KERNEL_H_
#define STRATA_COMPILER_NPU_MOVEMENT_KERNEL_H_

#include "base/status.h"
#include "chips/npu/machine/machine.pb.h"
#include "compiler/npu/npu_kernel.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

bool IsMovementOp(absl::string_view op);

// The region has one node. UNIMPLEMENTED, with a phrase fit for a Step's reason, for what the machine
// cannot do.
absl::StatusOr<NpuKernel> EmitMovementKernel(const graph::Graph& region,
                                             const chips::npu::Machine& machine);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_MOVEMENT_KERNEL_H_
