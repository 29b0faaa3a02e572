#include "compiler/pass/pass.h"

#include "absl/strings/str_cat.h"
#include "compiler/pass/algebraic.h"
#include "compiler/pass/attention_expansion.h"
#include "compiler/pass/attention_fusion.h"
#include "compiler/pass/constant_folding.h"
#include "compiler/pass/cse.h"
#include "compiler/pass/dce.h"
#include "compiler/pass/decompose.h"
#include "compiler/pass/epilogue_fusion.h"
#include "compiler/pass/explicit_transpose.h"
#include "compiler/pass/fusion.h"
#include "compiler/pass/layout_assignment.h"
#include "compiler/pass/memory_order.h"
#include "compiler/pass/min_cut_partition.h"
#include "compiler/pass/mixed_precision.h"
#include "compiler/pass/npu_fusion.h"
#include "compiler/pass/optimizer_fusion.h"
#include "compiler/pass/packed_fusion.h"
#include "compiler/pass/rematerialisation.h"
#include "compiler/pass/transpose_sinking.h"
#include "framework/graph/ops/all_ops.h"
#include "framework/graph/types.h"
#include "framework/graph/verifier.h"

namespace strata::compiler {

void RegisterAllPasses() {
  graph::RegisterAllOps();
  PassRegistry().Register("algebraic", [] { return CreateAlgebraic(); });
  PassRegistry().Register("attention_expansion", [] { return CreateAttentionExpansion(); });
  PassRegistry().Register("attention_fusion", [] { return CreateAttentionFusion(); });
  PassRegistry().Register("constant_folding", [] { return CreateConstantFolding(); });
  PassRegistry().Register("cse", [] { return CreateCse(); });
  PassRegistry().Register("dce", [] { return CreateDce(); });
  PassRegistry().Register("decompose", [] { return CreateDecompose(); });
  PassRegistry().Register("epilogue_fusion", [] { return CreateEpilogueFusion(); });
  PassRegistry().Register("explicit_transpose", [] { return CreateExplicitTranspose(); });
  PassRegistry().Register("fusion", [] { return CreateFusionPass(); });
  PassRegistry().Register("memory_order", [] { return CreateMemoryOrder(); });
  PassRegistry().Register("min_cut_partition", [] { return CreateMinCutPartition(); });
  PassRegistry().Register("npu_fusion", [] { return CreateNpuFusion(); });
  PassRegistry().Register("optimizer_fusion", [] { return CreateOptimizerFusion(); });
  PassRegistry().Register("packed_fusion", [] { return CreatePackedFusion(); });
  PassRegistry().Register("rematerialisation", [] { return CreateRematerialisation(); });
  PassRegistry().Register("mixed_precision", [] { return CreateMixedPrecision(); });
  PassRegistry().Register("layout_assignment", [] { return CreateLayoutAssignment(); });
  PassRegistry().Register("transpose_sinking", [] { return CreateTransposeSinking(); });
}

namespace {

std::vector<graph::TensorType> OutputTypes(const graph::Graph& graph) {
  std::vector<graph::TensorType> types;
  for (const graph::Output& output : graph.outputs())
    types.push_back(graph::TypeOf(graph.values(static_cast<int>(output.value()))));
  return types;
}

// A legal graph, with the results that were asked for.
absl::Status CheckAfter(const graph::Graph& graph, const std::vector<graph::TensorType>& types) {
  STRATA_RETURN_IF_ERROR(graph::Verify(graph));
  const std::vector<graph::TensorType> now = OutputTypes(graph);
  if (now.size() != types.size())
    return absl::InternalError(absl::StrCat(now.size(), " outputs, of ", types.size()));
  for (size_t i = 0; i < types.size(); ++i) {
    if (now[i] == types[i]) continue;
    return absl::InternalError(
        absl::StrCat("outputs[", i, "]: was ", types[i].ToString(), ", is ", now[i].ToString()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunPipeline(const std::vector<std::string>& passes, const PassContext& context,
                         graph::Graph* graph) {
  const std::vector<graph::TensorType> types = OutputTypes(*graph);
  for (const std::string& name : passes) {
    STRATA_ASSIGN_OR_RETURN(std::unique_ptr<Pass> pass, PassRegistry().Create(name));
    absl::StatusOr<bool> changed = pass->Run(context, graph);
    if (!changed.ok()) return Annotate(changed.status(), absl::StrCat("pass '", name, "'"));
    if (*changed) {
      const absl::Status verified = CheckAfter(*graph, types);
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
