// EmitProductKernel(): a group of one matrix product, convolution or pool and the elementwise work on its
// result, on the array and the vector unit.
//
//   STRATA_ASSIGN_OR_RETURN(const NpuKernel kernel, EmitProductKernel(region, machine));
//
// The product is cut into tiles that fit the machine (product_tiling.h), its tiles of C stay in the
// accumulators while bias, activation, residual, scale, casts and requantize are done on them
// (product_epilogue.h), and only results go back to DRAM.
#ifndef STRATA_COMPILER_NPU_PRODUCT_KERNEL_H_
#define STRATA_COMPILER_NPU_PRODUCT_KERNEL_H_

#include "base/status.h"
#include "chips/npu/machine/machine.pb.h"
#include "compiler/npu/npu_kernel.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

// UNIMPLEMENTED, with a phrase fit for a Step's reason, for what the array or the vector unit cannot do.
absl::StatusOr<NpuKernel> EmitProductKernel(const graph::Graph& region,
                                            const chips::npu::Machine& machine);

// The same answer but for what does not fit the machine's memories, without choosing a tiling.
absl::Status CheckProductKernel(const graph::Graph& region, const chips::npu::Machine& machine);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_PRODUCT_KERNEL_H_
