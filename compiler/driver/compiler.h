// Compiler: Graph + Chip -> Plan.
//
//   STRATA_ASSIGN_OR_RETURN(auto compiler, CreateCompiler("strata"));      // or "reference", or "exec:/path/to/mine"
//   STRATA_ASSIGN_OR_RETURN(plan::Plan plan, compiler->Compile(graph, chip, CompileOptions{}));
//
// All dims must be concrete (BindSymbols first). The plan has been validated.
#ifndef STRATA_COMPILER_DRIVER_COMPILER_H_
#define STRATA_COMPILER_DRIVER_COMPILER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/registry.h"
#include "base/status.h"
#include "chips/spec/chip.pb.h"
#include "compiler/plan/plan.pb.h"
#include "framework/graph/evaluator.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

struct CompileOptions {
  std::string device = "cpu";
  std::string isa;  // "": this machine's best: "avx512_bf16", "avx512", "avx2" or "generic"
  std::vector<std::string> skip_passes;  // ablation: passes left out
  // BF16: matrix products of f32 operands round them to bf16 and sum in f32 (the pass
  // mixed_precision). Unspecified or F32: the graph's own dtypes.
  chips::DType compute_dtype = chips::DTYPE_UNSPECIFIED;
  // Matrix products: "fastest" by what was measured (without a record, the library), "library" or "emitted" wherever
  // that is possible.
  std::string gemm = "fastest";
  // A tuning log (//compiler/tune:tune_gemm writes it): what it has measured on this machine decides how matrix products
  // are made. "": none. A file that is not there is an empty log.
  std::string tuning_log;
  // That the plan will run on, for such records; 0: $OMP_NUM_THREADS, or all cores.
  int threads = 0;
  // What a run may take of memory: inputs, results and the arena, as the plan counts them (MemoryUse::peak). Values are
  // made again in the backward pass until it fits (the pass rematerialisation); RESOURCE_EXHAUSTED names the smallest
  // budget that can be met. 0: no budget.
  uint64_t memory_budget_bytes = 0;
  // When set: how many of the plan's flops are done a second time to save memory.
  double* recomputed_flops = nullptr;
  // Called after each pass with its name, whether it changed the graph, and the graph.
  std::function<void(absl::string_view pass, bool changed, const graph::Graph&)> observer;
};

class Compiler {
 public:
  virtual ~Compiler() = default;
  virtual absl::StatusOr<plan::Plan> Compile(const graph::Graph& graph, const chips::Chip& chip,
                                             const CompileOptions& options) = 0;
};

// "strata": passes, fusion, emitted kernels, library calls. "reference": every node a host call.
inline Registry<Compiler>& CompilerRegistry() {
  static auto* registry = new Registry<Compiler>("compiler");
  return *registry;
}

// Registers the compilers of this folder. Idempotent.
void RegisterAllCompilers();

// A registered name, or "exec:PROGRAM": any program that reads a CompileRequest on stdin and writes a Plan to stdout.
absl::StatusOr<std::unique_ptr<Compiler>> CreateCompiler(const std::string& name);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DRIVER_COMPILER_H_
