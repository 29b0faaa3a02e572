#include "compiler/driver/product_kernels.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compiler/driver/product_split.h"
#include "compiler/kernels/cpu/routine.h"

namespace strata::compiler {
namespace {

// What memory moves in the time of one vector instruction of a core; both grow with the threads.
constexpr double kBytesFromMemory = 5;

}  // namespace

ProductKernels::ProductKernels(const std::string& isa, const chips::Chip& chip, GemmPolicy policy,
                               GemmRecords records)
    : isa_(isa),
      machine_(GemmMachineOf(chip, isa)),
      chooser_(isa, chip, policy, std::move(records)) {}

GemmDecision ProductKernels::Choose(const graph::OpCall& call) const {
  const std::string& op = call.node->op();
  if (op != "matmul" && op != "contract_leading") return {};
  const Routine* routine = FindRoutine(op);
  return chooser_.Choose(call, routine != nullptr ? routine->supports(call)
                                                  : absl::UnimplementedError("there is none"));
}

bool ProductKernels::EmitsEpilogues() const {
  const GemmProblem problem{.M = 16, .N = 16, .K = 16};
  GemmEpilogue relu;
  relu.keeps_product = false;
  relu.outputs = {{"out", chips::F32, {16, 16}, schedule::Scope::kOutput, ""}};
  const std::vector<schedule::Affine> at = {schedule::Affine::Index("i"),
                                            schedule::Affine::Index("j")};
  schedule::Statement statement;
  statement.target = {"out", at};
  statement.value = schedule::Expr::Apply("relu", {schedule::Expr::Load("C", at)});
  relu.nests = {TileNest(problem, std::move(statement))};
  const std::optional<GemmConfig> config = WholeSumConfig(problem, machine_);
  return config && EmitGemm(problem, *config, isa_, relu).ok();
}

GemmDecision ProductKernels::ChooseFused(const graph::OpCall& call) const {
  GemmDecision decision = Choose(call);
  if (!decision.problem || decision.config.depth >= decision.problem->K) return decision;
  const std::optional<GemmConfig> whole = WholeSumConfig(*decision.problem, machine_);
  if (!whole) return {};
  decision.config = *whole;
  absl::StrAppend(&decision.reason, "; with whole sums for what follows: ", GemmConfigText(*whole));
  return decision;
}

int64_t ProductKernels::EpiloguePrice(const graph::OpCall& call) const {
  const GemmDecision alone = Choose(call), fused = ChooseFused(call);
  if (!alone.problem || !fused.problem) return 0;
  const double instructions = GemmCost(*fused.problem, fused.config, machine_) -
                              GemmCost(*alone.problem, alone.config, machine_);
  return static_cast<int64_t>(std::max(instructions, 0.0) * kBytesFromMemory);
}

absl::StatusOr<FusedProduct> ProductKernels::EmitFused(const graph::Node& fusion) const {
  const graph::Graph& region = fusion.regions(0);
  FusedProduct fused;
  fused.decision = ChooseFused(graph::CallOf(region, ProductOf(region)));
  if (!fused.decision.problem)
    return absl::UnimplementedError("the product is no emitted kernel with whole sums");
  STRATA_ASSIGN_OR_RETURN(fused.region, EpilogueOf(region, *fused.decision.problem));
  STRATA_ASSIGN_OR_RETURN(fused.kernels, EmitGemm(*fused.decision.problem, fused.decision.config,
                                                  isa_, fused.region.epilogue));
  return fused;
}

}  // namespace strata::compiler
