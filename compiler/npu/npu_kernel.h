// NpuKernel: what an emitter makes of a group of graph nodes for an NPU core. See emit_kernel.h.
#ifndef STRATA_COMPILER_NPU_NPU_KERNEL_H_
#define STRATA_COMPILER_NPU_NPU_KERNEL_H_

#include <string>
#include <vector>

#include "chips/npu/isa/program.h"
#include "compiler/plan/plan.pb.h"

namespace strata::compiler {

struct NpuKernel {
  chips::npu::Program program;
  std::vector<plan::KernelData> data;  // what further input regions hold
  std::string reason;     // for Step.reason: what runs on which unit, and how it is tiled
  std::string loop_nest;  // for Kernel.loop_nest: the tiles as nested loops
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_NPU_KERNEL_H_
