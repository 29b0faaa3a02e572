// For tests: a graph on a simulated machine beside what the machine's arithmetic gives on the graph after the passes.
//
//   STRATA_ASSERT_OK_AND_ASSIGN(const NpuCompiled compiled, CompileForMachine("edge_16", graph, chips::BF16));
//   STRATA_ASSERT_OK_AND_ASSIGN(const NpuResults results, RunOnMachine("edge_16", compiled, inputs));
#ifndef STRATA_COMPILER_DRIVER_NPU_EXACT_RUN_H_
#define STRATA_COMPILER_DRIVER_NPU_EXACT_RUN_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "chips/spec/catalogue.h"
#include "compiler/device/device.h"
#include "compiler/driver/compiler.h"
#include "framework/graph/chip_interpreter.h"

namespace strata::compiler {

struct NpuCompiled {
  plan::Plan plan;
  graph::Graph after;  // the passes
};

inline absl::StatusOr<NpuCompiled> CompileForMachine(const std::string& machine,
                                                     const graph::Graph& graph,
                                                     chips::DType compute) {
  STRATA_ASSIGN_OR_RETURN(const chips::Chip chip, chips::FindChip(machine));
  STRATA_ASSIGN_OR_RETURN(auto compiler, CreateCompiler("strata"));
  NpuCompiled compiled;
  CompileOptions options;
  options.device = "npu";
  options.compute_dtype = compute;
  options.observer = [&](absl::string_view, bool, const graph::Graph& after) {
    compiled.after = after;
  };
  STRATA_ASSIGN_OR_RETURN(compiled.plan, compiler->Compile(graph, chip, options));
  return compiled;
}

// Copies: a run updates some inputs in place.
inline std::vector<graph::HostTensor> CloneAll(const std::vector<graph::HostTensor>& tensors) {
  std::vector<graph::HostTensor> clones;
  for (const graph::HostTensor& tensor : tensors) clones.push_back(tensor.Clone());
  return clones;
}

struct NpuResults {
  std::vector<graph::HostTensor> got, want;  // of the device, of the chip's interpreter
};

inline absl::StatusOr<NpuResults> RunOnMachine(const std::string& machine,
                                               const NpuCompiled& compiled,
                                               const std::vector<graph::HostTensor>& inputs) {
  RegisterAllDevices();
  NpuResults results;
  STRATA_ASSIGN_OR_RETURN(auto device, DeviceRegistry().Create("npu", DeviceOptions()));
  STRATA_ASSIGN_OR_RETURN(auto executable, device->Load(compiled.plan));
  STRATA_ASSIGN_OR_RETURN(results.got, executable->Run(CloneAll(inputs), {}));
  STRATA_ASSIGN_OR_RETURN(const auto interpreter, graph::ChipInterpreter::Create(machine));
  STRATA_ASSIGN_OR_RETURN(results.want, interpreter->Evaluate(compiled.after, CloneAll(inputs)));
  return results;
}

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DRIVER_NPU_EXACT_RUN_H_
