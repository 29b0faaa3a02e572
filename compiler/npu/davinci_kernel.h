// EmitDavinciKernel(): EmitNpuKernel() (emit_kernel.h) for cores of DaVinci kind.
//
// Products and convolutions of int8 on the cube; depthwise ones, max_pool2d, sums over height and width, and
// elementwise work in int8 and int32 (bias, residual, requantize) on the vector unit: what int8
// networks are made of. Integers equal the graph's.
#ifndef STRATA_COMPILER_NPU_DAVINCI_KERNEL_H_
#define STRATA_COMPILER_NPU_DAVINCI_KERNEL_H_

#include "base/status.h"
#include "chips/npu/machine/machine.pb.h"
#include "compiler/npu/npu_kernel.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

absl::StatusOr<NpuKernel> EmitDavinciKernel(const graph::Graph& region,
                                            const chips::npu::Machine& machine);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_DAVINCI_KERNEL_H_
