#include "compiler/driver/product_kernels.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compiler/codegen/emit.h"
#include "compiler/driver/product_split.h"
#include "compiler/gemm/reference.h"
#include "compiler/kernels/cpu/routine.h"

namespace strata::compiler {
namespace {

std::string TextOf(const GemmEpilogue& epilogue) {
  schedule::Program program;
  program.buffers = epilogue.inputs;
  program.buffers.insert(program.buffers.end(), epilogue.outputs.begin(), epilogue.outputs.end());
  program.body = epilogue.nests;
  return schedule::Print(program);
}

// Of the matrices that it reads and writes, each once.
double MatrixBytes(const GemmEpilogue& epilogue) {
  double bytes = 0;
  for (const auto* buffers : {&epilogue.inputs, &epilogue.outputs}) {
    for (const schedule::Buffer& buffer : *buffers) {
      if (buffer.dims.size() < 2) continue;
      bytes +=
          static_cast<double>(buffer.elements()) * static_cast<double>(chips::SizeOf(buffer.dtype));
    }
  }
  return bytes;
}

}  // namespace

ProductKernels::ProductKernels(const std::string& isa, const chips::Chip& chip, GemmPolicy policy,
                               GemmRecords records)
    : isa_(isa),
      machine_(GemmMachineOf(chip, isa)),
      records_(std::move(records)),
      chooser_(isa, chip, policy, records_) {}

absl::StatusOr<EmittedGemm> ProductKernels::Emit(const GemmProblem& problem,
                                                 const GemmConfig& config,
                                                 const GemmEpilogue& epilogue) {
  const std::string key = absl::StrCat(GemmName(problem), " ", GemmConfigText(config), " ",
                                       epilogue.keeps_product, TextOf(epilogue));
  auto found = emitted_.find(key);
  if (found == emitted_.end())
    found = emitted_.emplace(key, EmitGemm(problem, config, isa_, epilogue)).first;
  return found->second;
}

GemmDecision ProductKernels::Choose(const graph::OpCall& call) const {
  const std::string& op = call.node->op();
  if (op != "matmul" && op != "contract_leading") return {};
  const Routine* routine = FindRoutine(op);
  return chooser_.Choose(call, routine != nullptr ? routine->supports(call)
                                                  : absl::UnimplementedError("there is none"));
}

// What was measured with an epilogue, else the config itself, else the cost model's choice.
std::optional<GemmConfig> ProductKernels::WithWholeSums(const GemmProblem& problem,
                                                        const GemmConfig& config) const {
  const std::optional<GemmRecord> record = records_ ? records_(problem) : std::nullopt;
  if (record && record->epilogue_config && record->epilogue_config->depth >= problem.K &&
      CheckGemmConfig(*record->epilogue_config).ok())
    return record->epilogue_config;
  return config.depth >= problem.K ? config : WholeSumConfig(problem, machine_);
}

GemmDecision ProductKernels::ChooseFused(const graph::OpCall& call) const {
  GemmDecision decision = Choose(call);
  if (!decision.problem) return decision;
  const std::optional<GemmConfig> whole = WithWholeSums(*decision.problem, decision.config);
  if (!whole) return {};
  if (!(*whole == decision.config)) {
    absl::StrAppend(&decision.reason, "; with whole sums for what follows, ",
                    GemmConfigText(*whole));
  }
  decision.config = *whole;
  return decision;
}

int64_t ProductKernels::EpiloguePrice(const graph::OpCall& call) const {
  const GemmDecision alone = Choose(call), fused = ChooseFused(call);
  if (!alone.problem || !fused.problem) return 0;
  const double instructions = GemmCost(*fused.problem, fused.config, machine_) -
                              GemmCost(*alone.problem, alone.config, machine_);
  return static_cast<int64_t>(std::max(instructions, 0.0) * kGemmBytesFromMemory);
}

absl::Status ProductKernels::AddReferences(graph::Graph region, EmittedProduct* product) const {
  for (graph::Node& node : *region.mutable_nodes())
    node.clear_origin();  // equal nodes share kernels
  const GemmProblem& problem = *product->decision.problem;
  const GemmConfig& config = product->decision.config;
  MultiplyOperands operands{product->region.a, product->region.b, product->region.inputs, {}};
  if (product->region.product >= 0) operands.outputs.push_back(product->region.product);
  operands.outputs.insert(operands.outputs.end(), product->region.outputs.begin(),
                          product->region.outputs.end());
  EmittedGemm& kernels = product->kernels;
  STRATA_ASSIGN_OR_RETURN(*kernels.pack_a.mutable_reference(), PackAReference(problem, config));
  if (kernels.pack_b) {
    STRATA_ASSIGN_OR_RETURN(*kernels.pack_b->mutable_reference(), PackBReference(problem, config));
  }
  STRATA_ASSIGN_OR_RETURN(*kernels.multiply.mutable_reference(),
                          MultiplyReference(problem, config, region, operands));
  return absl::OkStatus();
}

absl::StatusOr<EmittedProduct> ProductKernels::EmitAlone(const graph::Graph& graph,
                                                         const graph::Node& node,
                                                         GemmDecision decision) {
  EmittedProduct product;
  product.decision = std::move(decision);
  product.region.b = 1;
  product.region.product = 0;
  STRATA_ASSIGN_OR_RETURN(product.kernels,
                          Emit(*product.decision.problem, product.decision.config, GemmEpilogue()));
  STRATA_RETURN_IF_ERROR(AddReferences(RegionOf(graph, node), &product));
  return product;
}

absl::StatusOr<EmittedProduct> ProductKernels::EmitFused(const graph::Node& fusion) {
  const graph::Graph& region = fusion.regions(0);
  EmittedProduct product;
  product.decision = ChooseFused(graph::CallOf(region, ProductOf(region)));
  if (!product.decision.problem)
    return absl::UnimplementedError("the product is no emitted kernel with whole sums");
  const GemmProblem& problem = *product.decision.problem;
  STRATA_ASSIGN_OR_RETURN(product.region, EpilogueOf(region, problem));
  GemmConfig& config = product.decision.config;
  config = WithRowsShared(problem, config, MatrixBytes(product.region.epilogue), machine_);
  if (config.by_rows) {
    absl::StrAppend(&product.decision.reason,
                    "; threads share rows, as what follows streams: ", GemmConfigText(config));
  }
  STRATA_ASSIGN_OR_RETURN(product.kernels, Emit(problem, config, product.region.epilogue));
  STRATA_RETURN_IF_ERROR(AddReferences(region, &product));
  return product;
}

}  // namespace strata::compiler
