#include "compiler/driver/strata_compiler.h"

#include "absl/strings/str_cat.h"
#include "compiler/codegen/emit.h"
#include "compiler/driver/lowering.h"
#include "compiler/driver/npu_compiler.h"
#include "compiler/driver/pipelines.h"
#include "compiler/driver/product_kernels.h"
#include "compiler/driver/tuned_products.h"
#include "compiler/kernels/cpu/routine.h"
#include "compiler/pass/pass.h"
#include "compiler/plan/memory_use.h"
#include "framework/graph/verifier.h"

namespace strata::compiler {
namespace {

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
    if (options.device == "npu") return CompileForNpu(graph, chip, options);
    if (options.device != "cpu") {
      return absl::UnimplementedError(
          absl::StrCat("the compiler 'strata' makes plans for the devices 'cpu' and 'npu', not '",
                       options.device, "'; they also run on 'model' and 'null'"));
    }
    RegisterAllPasses();
    STRATA_RETURN_IF_ERROR(graph::Verify(graph));
    STRATA_RETURN_IF_ERROR(CheckConcrete(graph));
    STRATA_ASSIGN_OR_RETURN(const std::vector<std::string> passes,
                            PassesOf(StrataPipeline(), options));

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

std::unique_ptr<Compiler> CreateStrataCompiler() { return std::make_unique<StrataCompiler>(); }

}  // namespace strata::compiler
