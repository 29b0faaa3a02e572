#include "compiler/gemm/emit.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/codegen/isa.h"
#include "compiler/gemm/loops.h"
#include "compiler/schedule/emit_c.h"

namespace strata::compiler {
namespace {

constexpr int64_t kGrainBytes = 65536;   // of an operand: fewer are not worth a thread
constexpr double kGrainFlops = 1 << 19;  // of tiles: likewise

// The fewest panels that are worth a thread, where a panel has `work` of the `least`.
int64_t Grain(double least, double work, int64_t panels) {
  const int64_t grain = static_cast<int64_t>(least / std::max(work, 1.0)) + 1;
  return std::min(grain, std::max<int64_t>(panels, 1));
}

int64_t PackGrain(const PackedShape& shape) {
  return Grain(kGrainBytes, 4.0 * static_cast<double>(shape.words * shape.width), shape.panels);
}

absl::Status CheckShare(const GemmProblem& problem, const GemmConfig& config,
                        const GemmEpilogue& epilogue) {
  if (!config.by_rows || !epilogue.empty() || problem.result == chips::BF16)
    return absl::OkStatus();
  return absl::InvalidArgumentError(
      "gemm config: share=rows: nothing follows this product; its threads share columns");
}

absl::Status CheckWholeSums(const GemmProblem& problem, const GemmConfig& config,
                            const GemmEpilogue& epilogue) {
  const bool needs = problem.result == chips::BF16 || !epilogue.empty();
  if (!needs || config.depth >= problem.K) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "gemm config: depth: ", config.depth, " is below the ", problem.K, " terms of a sum ",
      epilogue.empty() ? "whose result is bf16: its parts would be rounded"
                       : "that an epilogue needs whole"));
}

}  // namespace

absl::StatusOr<EmittedGemm> EmitGemm(const GemmProblem& problem, const GemmConfig& config,
                                     const std::string& isa, const GemmEpilogue& epilogue) {
  STRATA_RETURN_IF_ERROR(CheckGemm(problem));
  STRATA_RETURN_IF_ERROR(CheckGemmConfig(config));
  STRATA_RETURN_IF_ERROR(IsaFlags(isa).status());
  STRATA_RETURN_IF_ERROR(CheckWholeSums(problem, config, epilogue));
  STRATA_RETURN_IF_ERROR(CheckShare(problem, config, epilogue));
  STRATA_ASSIGN_OR_RETURN(const GemmLoops loops, GemmLoopsOf(problem, config, epilogue));
  std::vector<schedule::KernelPart> parts = {loops.pack_a, loops.multiply};
  if (loops.pack_b) parts.push_back(*loops.pack_b);
  STRATA_ASSIGN_OR_RETURN(std::vector<plan::Kernel> kernels,
                          schedule::EmitKernels(loops.program, loops.schedule, parts));

  const PackedShape a = PackedA(problem, config), b = PackedB(problem, config);
  const bool is_empty = problem.M == 0 || problem.N == 0;
  for (plan::Kernel& kernel : kernels) {
    if (is_empty) kernel.set_parallel_extent(0);
  }
  EmittedGemm gemm;
  gemm.pack_a = std::move(kernels[0]);
  gemm.pack_a.set_grain(PackGrain(a));
  gemm.multiply = std::move(kernels[1]);
  const int64_t shared = config.by_rows ? a.panels : b.panels;
  const double flops = problem.flops() / static_cast<double>(std::max<int64_t>(shared, 1));
  gemm.multiply.set_grain(Grain(kGrainFlops, flops, shared));
  if (!loops.pack_b) return gemm;
  gemm.pack_b = std::move(kernels[2]);
  gemm.pack_b->set_grain(PackGrain(b));
  return gemm;
}

}  // namespace strata::compiler
