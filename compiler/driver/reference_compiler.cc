#include "compiler/driver/reference_compiler.h"

#include "compiler/driver/lowering.h"
#include "framework/graph/verifier.h"

namespace strata::compiler {
namespace {

class ReferenceCompiler : public Compiler {
 public:
  absl::StatusOr<plan::Plan> Compile(const graph::Graph& graph, const chips::Chip& chip,
                                     const CompileOptions& options) override {
    return CompileReference(graph, chip, options.device);
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
