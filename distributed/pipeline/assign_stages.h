// Which pipeline stage each node of a training step belongs to.
//
//   // Two stages: the embeddings and the first layer, the second layer and the head.
//   STRATA_ASSIGN_OR_RETURN(std::vector<int> stage, AssignStages(step, anatomy,
//       {{"wte", "wpe", "h.0"}, {"h.1", "ln_f", "lm_head", "loss"}}));
//
// A pattern is a glob ('*' any text, '?' one character) over module paths: the origin of a node without its file
// ("h.0.attn.q"), or one of the modules around it ("h.0"). The gradient of a node belongs to the node's stage. A node
// that no pattern names belongs to the stage of the parameter it reads, else to the latest of what it reads (backward:
// the earliest).
#ifndef STRATA_DISTRIBUTED_PIPELINE_ASSIGN_STAGES_H_
#define STRATA_DISTRIBUTED_PIPELINE_ASSIGN_STAGES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "distributed/pipeline/step_anatomy.h"
#include "framework/graph/graph.pb.h"

namespace strata::distributed {

using StagePatterns = std::vector<std::vector<std::string>>;  // by stage

inline constexpr int kNoStage = -1;

// By node; kNoStage for nodes that are not forward or backward. INVALID_ARGUMENT when a node lies before what it reads
// (data flows up the stages in forward, down in backward), with the node and both stages.
absl::StatusOr<std::vector<int>> AssignStages(const graph::Graph& step, const StepAnatomy& anatomy,
                                              const StagePatterns& stages);

// The first stage with a pattern for the module path (or for a module around it), else kNoStage.
int FindStage(const StagePatterns& stages, absl::string_view path);

// "grad h.0.attn.q (llm/x.cc:3); h.1 (...)" -> "h.0.attn.q".
std::string ModulePath(absl::string_view origin);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PIPELINE_ASSIGN_STAGES_H_
