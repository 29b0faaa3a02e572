// Dynamic loss scaling: the loss is multiplied by a power of two before it is differentiated, so that
// small gradients survive a narrow format, and the optimizer divides by it again. A step whose
// gradients are not finite changes nothing and halves the scale; `interval` good steps double it.
// Micikevicius et al. 2018, "Mixed Precision Training" (arXiv:1710.03740), section 3.2.
//
//   LossScale scale = AddLossScale(b, {.initial = 65536});
//   gradients = Gradients(b, b.Apply("mul", {loss, scale.scale}), parameters);
//   AddAdamW(b, parameters, gradients, options, &scale);
//
// bf16 has the exponents of f32 and does without; fp16 and fp8 do not. Three STATE inputs, all zero at
// the start, hold where the scale is: "loss_scale.shift" (the scale is initial · 2^shift),
// "loss_scale.good_steps" since it last moved, and "loss_scale.taken", all steps that counted: Adam's
// bias correction goes by those.
#ifndef STRATA_FRAMEWORK_OPTIM_LOSS_SCALE_H_
#define STRATA_FRAMEWORK_OPTIM_LOSS_SCALE_H_

#include "framework/graph/builder.h"

namespace strata::framework {

struct LossScaleOptions {
  double initial = 65536;
  int interval = 2000;    // good steps before the scale doubles; >= 1
  double max_shift = 16;  // the scale stays within initial · 2^-max_shift .. initial · 2^max_shift
};

struct LossScale {
  LossScaleOptions options;
  graph::ValueId scale = graph::kNoValue;  // [] f32
  graph::ValueId shift = graph::kNoValue, good_steps = graph::kNoValue,
                 taken = graph::kNoValue;  // the STATE inputs
};

// Makes the inputs and the scale. Errors stick to the builder.
LossScale AddLossScale(graph::Builder& builder, const LossScaleOptions& options = {});

// Updates the state after a step whose gradients were finite or not; `finite` is [] bool.
void UpdateLossScale(graph::Builder& builder, const LossScale& scale, graph::ValueId finite);

}  // namespace strata::framework

#endif  // STRATA_FRAMEWORK_OPTIM_LOSS_SCALE_H_
