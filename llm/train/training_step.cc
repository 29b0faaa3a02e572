#include "llm/train/training_step.h"

#include <utility>
#include <vector>

#include "framework/autodiff/gradients.h"
#include "framework/graph/builder.h"
#include "framework/optim/adamw.h"
#include "framework/optim/loss_scale.h"
#include "llm/model/decoder.h"

namespace strata::llm {

absl::StatusOr<graph::Graph> BuildTrainingStep(const Recipe& recipe) {
  graph::Builder builder("training_step");
  const DecoderLoss model = BuildDecoderLoss(builder, recipe.model(), recipe.sequence());
  const bool scaled = recipe.loss_scale() > 0;
  framework::LossScale scale;
  graph::ValueId target = model.loss;
  if (scaled) {
    scale = framework::AddLossScale(builder, {.initial = recipe.loss_scale()});
    target = builder.Apply("mul", {model.loss, scale.scale});
  }
  STRATA_ASSIGN_OR_RETURN(std::vector<graph::ValueId> gradients,
                          framework::Gradients(builder, target, model.parameters));
  builder.Output(model.loss, "loss", graph::MEAN);
  framework::AdamWOptions options;
  options.beta1 = recipe.beta1();
  options.beta2 = recipe.beta2();
  options.weight_decay = recipe.weight_decay();
  options.clip_norm = recipe.clip_norm();
  {
    const graph::Builder::Scope scope(builder, "adamw");
    framework::AddAdamW(builder, model.parameters, gradients, options, scaled ? &scale : nullptr);
  }
  return std::move(builder).Build();
}

}  // namespace strata::llm
