// NpuKernels: the programs of a graph's nodes for one machine, each made once.
//
//   NpuKernels kernels(machine);
//   absl::StatusOr<const NpuKernels::Emitted*> made = kernels.Emit(graph, node);
//   if (absl::IsUnimplemented(made.status())) ...   // the message says why, fit for Step.reason
#ifndef STRATA_COMPILER_DRIVER_NPU_KERNELS_H_
#define STRATA_COMPILER_DRIVER_NPU_KERNELS_H_

#include <map>
#include <string>
#include <utility>

#include "base/status.h"
#include "chips/npu/machine/machine.pb.h"
#include "compiler/npu/emit_kernel.h"
#include "compiler/plan/plan.pb.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

class NpuKernels {
 public:
  struct Emitted {
    plan::Kernel kernel;  // complete; its entry is its own
    std::string reason;   // for Step.reason
  };

  explicit NpuKernels(chips::npu::Machine machine) : machine_(std::move(machine)) {}

  // Of a group of nodes as a graph of its own. UNIMPLEMENTED: what the machine cannot do; other codes are faults of
  // ours. What it points to lives as long as this.
  absl::StatusOr<const Emitted*> Emit(const graph::Graph& region);

  // Whether there is one, without making it.
  absl::Status Check(const graph::Graph& region) const { return CheckNpuKernel(region, machine_); }

  // Of a node, or of a fusion.
  absl::StatusOr<const Emitted*> Emit(const graph::Graph& graph, const graph::Node& node);

 private:
  absl::StatusOr<Emitted> Make(const graph::Graph& region) const;

  chips::npu::Machine machine_;
  std::map<std::string, absl::StatusOr<Emitted>> emitted_;  // by what is computed
};

// Whether the node is a group that the pass npu_fusion made.
bool IsNpuFusion(const graph::Node& node);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DRIVER_NPU_KERNELS_H_
