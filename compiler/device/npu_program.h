// NpuProgram: a kernel of a plan as a program of its core, assembled and verified, with its regions found.
//
//   STRATA_ASSIGN_OR_RETURN(NpuProgram program, LoadNpuProgram(kernel, *core));
//   STRATA_RETURN_IF_ERROR(CheckOperands(program, plan, step));     // of each launch of it
//
// The contract of Kernel (compiler/plan/plan.proto): the regions b0, b1, ... are the step's reads (.input), then its
// writes (.output); every other .input has its content in Kernel.data; .scratch is free.
#ifndef STRATA_COMPILER_DEVICE_NPU_PROGRAM_H_
#define STRATA_COMPILER_DEVICE_NPU_PROGRAM_H_

#include <vector>

#include "base/status.h"
#include "chips/npu/isa/program.h"
#include "chips/npu/sim/core.h"
#include "compiler/plan/plan.pb.h"

namespace strata::compiler {

struct NpuProgram {
  chips::npu::Program program;
  std::vector<int> operands;  // by number: the region b0, b1, ... in program.regions
  // Regions with a content of their own, and it; it points into the kernel, which must outlive this.
  std::vector<std::pair<int, const std::string*>> data;
};

// INVALID_ARGUMENT names the line or the region at fault: text that does not assemble, programs that the core's verifier
// refuses, regions outside the contract.
absl::StatusOr<NpuProgram> LoadNpuProgram(const plan::Kernel& kernel, const chips::npu::Core& core);

// INVALID_ARGUMENT when the step has other operands than the program has regions: their number, sizes, directions.
absl::Status CheckOperands(const NpuProgram& program, const plan::Plan& plan,
                           const plan::Step& step);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DEVICE_NPU_PROGRAM_H_
