#include "compiler/driver/reference_compiler.h"

#include "absl/strings/str_cat.h"
#include "compiler/driver/lowering.h"
#include "compiler/pass/pass.h"
#include "framework/graph/verifier.h"

namespace strata::compiler {
namespace {

class ReferenceCompiler : public Compiler {
 public:
  absl::StatusOr<plan::Plan> Compile(const graph::Graph& graph, const chips::Chip& chip,
                                     const CompileOptions& options) override {
    if (options.memory_budget_bytes != 0) {
      return absl::InvalidArgumentError(
          "memory_budget_bytes: the compiler 'reference' makes nothing again to save memory; use "
          "'strata'");
    }
    if (options.compute_dtype == chips::DTYPE_UNSPECIFIED || options.compute_dtype == chips::F32)
      return CompileReference(graph, chip, options.device);
    if (options.compute_dtype != chips::BF16) {
      return absl::InvalidArgumentError(
          absl::StrCat("compute_dtype: ", chips::DTypeName(options.compute_dtype),
                       " is not known; use f32 or bf16"));
    }
    // The pass is the definition of what is rounded.
    RegisterAllPasses();
    graph::Graph rounded = graph;
    STRATA_RETURN_IF_ERROR(RunPipeline({"mixed_precision"}, {}, &rounded));
    return CompileReference(rounded, chip, options.device);
  }
};

}  // namespace

std::unique_ptr<Compiler> CreateReferenceCompiler() {
  return std::make_unique<ReferenceCompiler>();
}

absl::StatusOr<plan::Plan> CompileReference(const graph::Graph& graph, const chips::Chip& chip,
                                            const std::string& device) {
  STRATA_RETURN_IF_ERROR(graph::Verify(graph));
  return LowerGraph(graph, {device, "", chip, KernelPolicy::kReference});
}

}  // namespace strata::compiler
