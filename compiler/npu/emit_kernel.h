// EmitNpuKernel(): the program of a group of graph nodes for an NPU core.
//
//   STRATA_ASSIGN_OR_RETURN(const NpuKernel kernel, EmitNpuKernel(region, machine));
//   plan_kernel.set_source(NpuSource(kernel, plan_kernel.entry()));
//
// `region` is a Graph with concrete types: its inputs are the step's reads and its outputs the step's
// writes, in order; as DRAM regions of the program they are b0, b1, ... The program is complete: it
// reads and writes nothing else but the inputs in `data` and scratch, and Verify() accepts it. What it
// computes is what the region computes: integers exactly, floats in the machine's order of sums
// (chips/npu/ISA.md).
//
// A group has one matrix product (matmul, conv2d) and what follows it, or is elementwise work and row
// reductions. UNIMPLEMENTED says in a phrase why the machine or the compiler cannot do the group, fit
// to follow "on the host: " in a Step's reason.
#ifndef STRATA_COMPILER_NPU_EMIT_KERNEL_H_
#define STRATA_COMPILER_NPU_EMIT_KERNEL_H_

#include <string>

#include "base/status.h"
#include "chips/npu/machine/machine.pb.h"
#include "compiler/npu/npu_kernel.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

absl::StatusOr<NpuKernel> EmitNpuKernel(const graph::Graph& region,
                                        const chips::npu::Machine& machine);

// Whether EmitNpuKernel() will have a program, much faster: what does not fit the machine's memories is not
// looked for.
absl::Status CheckNpuKernel(const graph::Graph& region, const chips::npu::Machine& machine);

// Assembly text; the first line is a comment with the name.
std::string NpuSource(const NpuKernel& kernel, const std::string& entry);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_EMIT_KERNEL_H_
