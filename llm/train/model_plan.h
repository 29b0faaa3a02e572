// CompletePlan: what a ParallelPlan leaves open is filled in for a decoder.
//
//   parallel { mesh { name: "tp" kind: TENSOR_PARALLEL size: 2 } mesh { name: "pp" kind: PIPELINE_PARALLEL size: 2 } }
//   STRATA_ASSIGN_OR_RETURN(ParallelPlan plan, CompletePlan(config, recipe.parallel(), {.schedule = "1f1b"}));
//
// - TENSOR axes: by the role of a weight. Columns of what leads into attention and the MLP, rows of what leads out
//   (Shoeybi et al., Megatron-LM, 2019); the vocabulary of embedding and head; the experts' hidden width. What the axis
//   does not divide, and q, k, v (or gate and up) in one matrix, stay whole.
// - EXPERT axes: the experts.
// - PIPELINE axis: the schedule's slots, and as many chunks of whole layers as it asks for: embeddings go with the first,
//   the head with the last.
// Shardings, chunks and slots that the plan has already are kept.
#ifndef STRATA_LLM_TRAIN_MODEL_PLAN_H_
#define STRATA_LLM_TRAIN_MODEL_PLAN_H_

#include <string>

#include "base/status.h"
#include "distributed/plan/parallel_plan.pb.h"
#include "llm/model/decoder_config.pb.h"

namespace strata::llm {

struct ModelPlanOptions {
  std::string schedule = "1f1b";  // a name of distributed/schedule
};

// `config` is complete. INVALID_ARGUMENT: a plan that is not valid afterwards, an unknown schedule, fewer layers than
// chunks.
absl::StatusOr<parallel::ParallelPlan> CompletePlan(const DecoderConfig& config,
                                                    parallel::ParallelPlan plan,
                                                    const ModelPlanOptions& options = {});

}  // namespace strata::llm

#endif  // STRATA_LLM_TRAIN_MODEL_PLAN_H_
