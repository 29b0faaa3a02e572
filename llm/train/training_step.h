// The training step of a decoder as one Graph: forward, loss, backward, AdamW.
#ifndef STRATA_LLM_TRAIN_TRAINING_STEP_H_
#define STRATA_LLM_TRAIN_TRAINING_STEP_H_

#include "base/status.h"
#include "framework/graph/graph.pb.h"
#include "llm/train/recipe.pb.h"

namespace strata::llm {

// Inputs:  "tokens", "targets" [B, T] i32 with symbolic B; "lr", "step" [] f32; the parameters; for each parameter p
//          the moments "p.m" and "p.v".
// Outputs: "loss" [] f32, the mean cross-entropy over B * T tokens in nats; updates of parameters and moments.
absl::StatusOr<graph::Graph> BuildTrainingStep(const Recipe& recipe);

}  // namespace strata::llm

#endif  // STRATA_LLM_TRAIN_TRAINING_STEP_H_
