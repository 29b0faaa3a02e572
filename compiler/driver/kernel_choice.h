// KernelChooser: for one node, which kernel runs it and why. In this order: a routine of the device's library, an
// emitted kernel, the reference kernel on the host (always possible, never fast).
#ifndef STRATA_COMPILER_DRIVER_KERNEL_CHOICE_H_
#define STRATA_COMPILER_DRIVER_KERNEL_CHOICE_H_

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/status.h"
#include "chips/spec/chip.pb.h"
#include "compiler/codegen/emit.h"
#include "compiler/plan/plan.pb.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {

class KernelChooser {
 public:
  // Adds the kernels it emits to `plan`, each once.
  KernelChooser(std::string isa, const chips::Chip& chip, plan::Plan* plan);

  // Fills the step's kind, reason and exact work; returns the pairs (read, write) that may share storage.
  absl::StatusOr<std::vector<std::pair<int, int>>> Choose(const graph::Graph& graph,
                                                          const graph::Node& node,
                                                          plan::Step* step);

  // The kernel's id in the plan; one of each entry is kept.
  uint32_t AddKernel(plan::Kernel kernel);

 private:
  using Pairs = std::vector<std::pair<int, int>>;
  struct Emitted {
    absl::Status status;
    uint32_t kernel = 0;  // id in the plan
    Pairs in_place;
  };

  const Emitted& Emit(const graph::Graph& graph, const graph::Node& node);
  std::string EmittedReason(const graph::OpCall& call, const graph::Work& work) const;
  std::string Bound(const graph::Work& work) const;

  std::string isa_;
  double balance_;  // flops a byte at which the chip is bound by both
  plan::Plan* plan_;
  std::unordered_map<std::string, Emitted> emitted_;     // by what the node computes
  std::unordered_map<std::string, uint32_t> kernel_id_;  // by entry
};

// The node as a host call: op, attributes and body, without its value ids.
void SetHostCall(const graph::Node& node, plan::Step* step);

void SetWork(const graph::Work& work, plan::Step* step);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DRIVER_KERNEL_CHOICE_H_
