#include "compiler/driver/strata_compiler.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/codegen/emit.h"
#include "compiler/driver/lowering.h"
#include "compiler/driver/product_kernels.h"
#include "compiler/driver/tuned_products.h"
#include "compiler/kernels/cpu/routine.h"
#include "compiler/pass/pass.h"
#include "compiler/plan/memory_use.h"
#include "framework/graph/verifier.h"

namespace strata::compiler {
namespace {

absl::StatusOr<std::vector<std::string>> PassesOf(const CompileOptions& options) {
  std::vector<std::string> passes = StrataPipeline();
  if (options.compute_dtype == chips::BF16) {
    // Before cse, which lets all readers of a value share its rounding.
    passes.insert(std::find(passes.begin(), passes.end(), "cse"), "mixed_precision");
  } else if (options.compute_dtype != chips::DTYPE_UNSPECIFIED &&
             options.compute_dtype != chips::F32) {
    return absl::InvalidArgumentError(
        absl::StrCat("compute_dtype: ", chips::DTypeName(options.compute_dtype),
                     " is not known; use f32 or bf16"));
  }
  for (const std::string& skipped : options.skip_passes) {
    if (std::find(passes.begin(), passes.end(), skipped) == passes.end() &&
        !PassRegistry().Create(skipped).ok()) {
      return absl::InvalidArgumentError(absl::StrCat("skip_passes: no pass '", skipped,
                                                     "'; the pipeline is ",
                                                     absl::StrJoin(StrataPipeline(), ", ")));
    }
    passes.erase(std::remove(passes.begin(), passes.end(), skipped), passes.end());
  }
  return passes;
}

absl::StatusOr<GemmPolicy> GemmPolicyOf(const CompileOptions& options) {
  if (options.gemm == "fastest") return GemmPolicy::kFastest;
  if (options.gemm == "library") return GemmPolicy::kLibrary;
  if (options.gemm == "emitted") return GemmPolicy::kEmitted;
  return absl::InvalidArgumentError(
      absl::StrCat("gemm: '", options.gemm, "' is none of fastest, library, emitted"));
}

// What a graph that has come as far as the pass "rematerialisation" will take of memory.
absl::StatusOr<uint64_t> PlannedPeak(graph::Graph graph, const std::vector<std::string>& passes,
                                     const PassContext& context, const LoweringTarget& target) {
  auto rest = std::find(passes.begin(), passes.end(), "rematerialisation");
  if (rest != passes.end()) ++rest;
  PassContext quiet = context;
  quiet.observer = nullptr;
  quiet.recomputed_flops = nullptr;
  STRATA_RETURN_IF_ERROR(RunPipeline({rest, passes.end()}, quiet, &graph));
  STRATA_ASSIGN_OR_RETURN(const plan::Plan plan, LowerGraph(graph, target));
  return plan::MemoryUseOf(plan).peak();
}

// Where the pass that keeps the budget was left out.
absl::Status CheckBudget(const plan::Plan& plan, uint64_t budget) {
  const uint64_t peak = plan::MemoryUseOf(plan).peak();
  if (budget == 0 || peak <= budget) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("memory budget of ", budget, " bytes: the plan '", plan.name(), "' takes ", peak,
                   " bytes; give it so many, or do not skip the pass 'rematerialisation'"));
}

class StrataCompiler : public Compiler {
 public:
  absl::StatusOr<plan::Plan> Compile(const graph::Graph& graph, const chips::Chip& chip,
                                     const CompileOptions& options) override {
    if (options.device != "cpu") {
      return absl::UnimplementedError(
          absl::StrCat("the compiler 'strata' makes plans for the device 'cpu', not '",
                       options.device, "'; a plan for 'cpu' also runs on 'model' and 'null'"));
    }
    RegisterAllPasses();
    STRATA_RETURN_IF_ERROR(graph::Verify(graph));
    STRATA_RETURN_IF_ERROR(CheckConcrete(graph));
    STRATA_ASSIGN_OR_RETURN(const std::vector<std::string> passes, PassesOf(options));

    LoweringTarget target{options.device, options.isa.empty() ? HostIsa() : options.isa, chip};
    STRATA_RETURN_IF_ERROR(IsaFlags(target.isa).status());
    STRATA_ASSIGN_OR_RETURN(target.gemm_policy, GemmPolicyOf(options));
    STRATA_ASSIGN_OR_RETURN(target.gemm_records,
                            TunedProducts(options.tuning_log, target.isa, options.threads));
    graph::Graph lowered = graph;
    PassContext context;
    context.library_ops = RoutineNames();
    for (const std::string& name : context.library_ops)
      context.library_in_place[name] = FindRoutine(name)->in_place;
    const ProductKernels products(target.isa, target.chip, target.gemm_policy, target.gemm_records);
    context.emits_product = [&](const graph::OpCall& call) {
      return products.ChooseFused(call).problem.has_value();
    };
    context.epilogue_price = [&](const graph::OpCall& call) {
      return products.EpiloguePrice(call);
    };
    context.memory_budget_bytes = options.memory_budget_bytes;
    context.planned_peak = [&](const graph::Graph& half) {
      return PlannedPeak(half, passes, context, target);
    };
    double recomputed_flops = 0;
    context.recomputed_flops = &recomputed_flops;
    context.observer = options.observer;
    STRATA_RETURN_IF_ERROR(RunPipeline(passes, context, &lowered));
    STRATA_ASSIGN_OR_RETURN(plan::Plan plan, LowerGraph(lowered, target));
    plan.set_graph_fingerprint(Fingerprint(graph));
    if (options.recomputed_flops != nullptr) *options.recomputed_flops = recomputed_flops;
    STRATA_RETURN_IF_ERROR(CheckBudget(plan, options.memory_budget_bytes));
    return plan;
  }
};

}  // namespace

std::vector<std::string> StrataPipeline() {
  return {
      "attention_fusion",   // attention that is written out becomes the op
      "decompose",          // composites without a routine become primitives
      "constant_folding",   // what depends on constants only is computed now
      "algebraic",          // local identities
      "cse",                // forward and backward share their statistics
      "dce",                // what nobody needs goes
      "transpose_sinking",  // transposes go where they cost nothing
      "layout_assignment",  // the order of axes that moves the fewest bytes
      "min_cut_partition",  // what the backward pass makes again rather than keep
      "rematerialisation",  // more of that, for a memory budget
      "epilogue_fusion",    // what follows a product that is emitted joins its kernel
      "optimizer_fusion",   // a parameter's update is one kernel, small ones share one
      "fusion",             // primitives become kernels
      "dce",                // producers that every group made again go
      "memory_order",       // gradients die early, large values are made late
  };
}

std::unique_ptr<Compiler> CreateStrataCompiler() { return std::make_unique<StrataCompiler>(); }

}  // namespace strata::compiler
