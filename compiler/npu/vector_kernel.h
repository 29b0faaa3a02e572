// EmitVectorKernel(): elementwise work and row reductions on the array core's vector unit.
//
//   STRATA_ASSIGN_OR_RETURN(const NpuKernel kernel, EmitVectorKernel(region, machine));
//
// For regions of elementwise ops, casts, broadcasts, reductions over the last axes, and requantize: a
// softmax, a layer norm, a gelu. The region's space (vector_region.h) is cut into blocks of rows (and of
// columns, where no row must stay whole) that fit the accumulators and half of L1. A block is loaded,
// brought into the accumulators, worked on there op by op, and stored; L1 holds two blocks, so that
// loads and stores overlap with the work. What is the same for all blocks (gains, biases, constants) is
// brought in once.
#ifndef STRATA_COMPILER_NPU_VECTOR_KERNEL_H_
#define STRATA_COMPILER_NPU_VECTOR_KERNEL_H_

#include "base/status.h"
#include "chips/npu/machine/machine.pb.h"
#include "compiler/npu/npu_kernel.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

// UNIMPLEMENTED, with a phrase fit for a Step's reason, for what the vector unit cannot do.
absl::StatusOr<NpuKernel> EmitVectorKernel(const graph::Graph& region,
                                           const chips::npu::Machine& machine);

// The status that EmitVectorKernel() would give, without making the program.
absl::Status CheckVectorKernel(const graph::Graph& region, const chips::npu::Machine& machine);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_VECTOR_KERNEL_H_
