#include "compiler/pass/pass.h"

#include "absl/strings/str_cat.h"
#include "compiler/pass/algebraic.h"
#include "compiler/pass/attention_fusion.h"
#include "compiler/pass/constant_folding.h"
#include "compiler/pass/cse.h"
#include "compiler/pass/dce.h"
#include "compiler/pass/decompose.h"
#include "compiler/pass/fusion.h"
#include "compiler/pass/layout_assignment.h"
#include "compiler/pass/memory_order.h"
#include "compiler/pass/mixed_precision.h"
#include "compiler/pass/transpose_sinking.h"
#include "framework/graph/ops/all_ops.h"
#include "framework/graph/verifier.h"

namespace strata::compiler {

void RegisterAllPasses() {
  graph::RegisterAllOps();
  PassRegistry().Register("algebraic", [] { return CreateAlgebraic(); });
  PassRegistry().Register("attention_fusion", [] { return CreateAttentionFusion(); });
  PassRegistry().Register("constant_folding", [] { return CreateConstantFolding(); });
  PassRegistry().Register("cse", [] { return CreateCse(); });
  PassRegistry().Register("dce", [] { return CreateDce(); });
  PassRegistry().Register("decompose", [] { return CreateDecompose(); });
  PassRegistry().Register("fusion", [] { return CreateFusionPass(); });
  PassRegistry().Register("memory_order", [] { return CreateMemoryOrder(); });
  PassRegistry().Register("mixed_precision", [] { return CreateMixedPrecision(); });
  PassRegistry().Register("layout_assignment", [] { return CreateLayoutAssignment(); });
  PassRegistry().Register("transpose_sinking", [] { return CreateTransposeSinking(); });
}

absl::Status RunPipeline(const std::vector<std::string>& passes, const PassContext& context,
                         graph::Graph* graph) {
  for (const std::string& name : passes) {
    STRATA_ASSIGN_OR_RETURN(std::unique_ptr<Pass> pass, PassRegistry().Create(name));
    absl::StatusOr<bool> changed = pass->Run(context, graph);
    if (!changed.ok()) return Annotate(changed.status(), absl::StrCat("pass '", name, "'"));
    if (*changed) {
      const absl::Status verified = graph::Verify(*graph);
      if (!verified.ok()) {
        return absl::InternalError(
            absl::StrCat("pass '", name, "' broke the graph: ", verified.message()));
      }
    }
    if (context.observer) context.observer(name, *changed, *graph);
  }
  return absl::OkStatus();
}

}  // namespace strata::compiler
