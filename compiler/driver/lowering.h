// LowerGraph: a Graph whose passes have run becomes a Plan: a kernel for each node, a buffer for each value, memory.
//
//   STRATA_ASSIGN_OR_RETURN(plan::Plan plan, LowerGraph(graph, {"cpu", "avx512", chip, KernelPolicy::kFastest}));
//
// Reshapes become views and small constants bytes of the plan; collectives become collective steps. Linear in the graph.
#ifndef STRATA_COMPILER_DRIVER_LOWERING_H_
#define STRATA_COMPILER_DRIVER_LOWERING_H_

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "chips/spec/chip.pb.h"
#include "compiler/driver/gemm_choice.h"
#include "compiler/driver/npu_kernels.h"
#include "compiler/memory/memory_plan.h"
#include "compiler/plan/plan.pb.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

enum class KernelPolicy {
  kFastest,    // library routines and emitted kernels
  kReference,  // host calls only: the plan depends on no machine
  kNpu,        // programs of an NPU; host calls for what its machine cannot do
};

struct LoweringTarget {
  std::string device;
  std::string isa;  // "" with kReference; with kNpu the machine, by name or path
  chips::Chip chip;
  KernelPolicy policy = KernelPolicy::kFastest;
  GemmPolicy gemm_policy = GemmPolicy::kFastest;
  GemmRecords gemm_records = nullptr;  // measured products; none: the library has them
  std::shared_ptr<NpuKernels> npu_kernels = nullptr;  // with kNpu, else none
};

// A validated plan. `graph` is verified and concrete (CheckConcrete). `memory`, when set, tells how storage was shared.
absl::StatusOr<plan::Plan> LowerGraph(const graph::Graph& graph, const LoweringTarget& target,
                                      MemoryStatistics* memory = nullptr);

// INVALID_ARGUMENT names the first value with a symbol in its dims.
absl::Status CheckConcrete(const graph::Graph& graph);

// Of the graph as it stands, names and origins too: 64 bits of its deterministic serialisation.
uint64_t Fingerprint(const graph::Graph& graph);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DRIVER_LOWERING_H_
