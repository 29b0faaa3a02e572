// Plans for the device "npu": the part of the compiler "strata" that knows it.
//
//   STRATA_ASSIGN_OR_RETURN(plan::Plan plan, CompileForNpu(graph, chip, options));
#ifndef STRATA_COMPILER_DRIVER_NPU_COMPILER_H_
#define STRATA_COMPILER_DRIVER_NPU_COMPILER_H_

#include <string>

#include "base/status.h"
#include "chips/spec/chip.pb.h"
#include "compiler/driver/compiler.h"
#include "compiler/plan/plan.pb.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

// The machine of chips/npu that the chip stands for, by name or path: Chip.npu_machine; a chip without a name is
// "edge_16". INVALID_ARGUMENT for other chips lists those that have a machine.
absl::StatusOr<std::string> NpuMachineOf(const chips::Chip& chip);

// A program for each node or group that the machine can do; the others are host calls whose reason says why.
absl::StatusOr<plan::Plan> CompileForNpu(const graph::Graph& graph, const chips::Chip& chip,
                                         const CompileOptions& options);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DRIVER_NPU_COMPILER_H_
