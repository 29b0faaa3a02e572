#include "compiler/driver/npu_compiler.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "chips/npu/machine/check_chip.h"
#include "chips/npu/machine/machine.h"
#include "chips/spec/catalogue.h"
#include "compiler/driver/lowering.h"
#include "compiler/driver/npu_kernels.h"
#include "compiler/driver/pipelines.h"
#include "compiler/pass/pass.h"
#include "framework/graph/verifier.h"

namespace strata::compiler {
namespace {

constexpr char kDefaultMachine[] = "edge_16";

// Options that mean nothing here are refused rather than ignored.
absl::Status CheckOptions(const CompileOptions& options) {
  if (!options.isa.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "isa: '", options.isa,
        "': a plan for the device 'npu' is for the machine of its chip; leave it out"));
  }
  if (options.gemm != CompileOptions().gemm || !options.tuning_log.empty()) {
    return absl::InvalidArgumentError(
        "gemm and tuning_log choose among kernels of the CPU; leave them out for the device 'npu'");
  }
  if (options.memory_budget_bytes != 0) {
    return absl::InvalidArgumentError(
        "memory_budget_bytes: plans for the device 'npu' make nothing again to save memory; leave "
        "it out");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> NpuMachineOf(const chips::Chip& chip) {
  if (!chip.npu_machine().empty()) return chip.npu_machine();
  if (chip.name().empty()) return std::string(kDefaultMachine);
  return absl::InvalidArgumentError(
      absl::StrCat("chip '", chip.name(),
                   "' has no npu_machine: the device 'npu' cannot simulate it; these it can: ",
                   absl::StrJoin(chips::SimulatedChipNames(), ", ")));
}

absl::StatusOr<plan::Plan> CompileForNpu(const graph::Graph& graph, const chips::Chip& chip,
                                         const CompileOptions& options) {
  RegisterAllPasses();
  STRATA_RETURN_IF_ERROR(CheckOptions(options));
  STRATA_RETURN_IF_ERROR(graph::Verify(graph));
  STRATA_RETURN_IF_ERROR(CheckConcrete(graph));
  STRATA_ASSIGN_OR_RETURN(const std::vector<std::string> passes, PassesOf(NpuPipeline(), options));
  LoweringTarget target{options.device, "", chip, KernelPolicy::kNpu};
  STRATA_ASSIGN_OR_RETURN(target.isa, NpuMachineOf(chip));
  STRATA_ASSIGN_OR_RETURN(chips::npu::Machine machine, chips::npu::FindMachine(target.isa));
  if (!chip.npu_machine().empty())
    STRATA_RETURN_IF_ERROR(chips::npu::CheckChipIsMachine(chip, machine));
  target.npu_kernels = std::make_shared<NpuKernels>(std::move(machine));
  graph::Graph lowered = graph;
  PassContext context;
  context.observer = options.observer;
  context.npu_accepts = [&](const graph::Graph& region) {
    return target.npu_kernels->Check(region);
  };
  STRATA_RETURN_IF_ERROR(RunPipeline(passes, context, &lowered));
  STRATA_ASSIGN_OR_RETURN(plan::Plan plan, LowerGraph(lowered, target));
  plan.set_graph_fingerprint(Fingerprint(graph));
  if (options.recomputed_flops != nullptr) *options.recomputed_flops = 0;
  return plan;
}

}  // namespace strata::compiler
