// AddAdamW: the optimizer step as part of the training graph. Moments are STATE inputs, updated in
// place with the parameters; the learning rate and the step number come with each call.
//
//   STRATA_ASSIGN_OR_RETURN(std::vector<graph::ValueId> grads, Gradients(b, loss,
//   parameters.ids())); OptimizerValues optimizer = AddAdamW(b, parameters.ids(), grads,
//   {.weight_decay = 0.1, .clip_norm = 1});
//   // Feed "lr" and "step" (1, 2, 3, ...), and zeros for "<parameter>.m" and "<parameter>.v" at
//   the start.
//
// With a LossScale the gradients are those of the scaled loss: they are divided by it first, and a
// step in which one of them is not finite leaves parameters and moments as they are.
//
// Only parameters of rank 2 and more decay: gains, biases and scalars do not. With clip_norm above
// 0 all gradients are scaled by min(1, clip_norm / norm), where norm is that of all of them
// together (as PyTorch's clip_grad_norm_). Errors stick to the builder.
#ifndef STRATA_FRAMEWORK_OPTIM_ADAMW_H_
#define STRATA_FRAMEWORK_OPTIM_ADAMW_H_

#include <vector>

#include "absl/types/span.h"
#include "framework/graph/builder.h"
#include "framework/optim/loss_scale.h"

namespace strata::framework {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double weight_decay = 0.1;
  double clip_norm = 0;  // 0: no clipping
};

struct OptimizerValues {
  graph::ValueId lr = graph::kNoValue;    // DATA input "lr", a scalar of the parameters' dtype
  graph::ValueId step = graph::kNoValue;  // DATA input "step", likewise; counts from 1
  // A scalar, unscaled, before clipping; only with clip_norm or a loss scale.
  graph::ValueId gradient_norm = graph::kNoValue;
};

// `gradients` one a parameter, of its type. Parameters are f32 or f64, all of one dtype.
OptimizerValues AddAdamW(graph::Builder& builder, absl::Span<const graph::ValueId> parameters,
                         absl::Span<const graph::ValueId> gradients,
                         const AdamWOptions& options = {}, const LossScale* loss_scale = nullptr);

// The Euclidean norm of all `values` together, a scalar.
graph::ValueId GlobalNorm(graph::Builder& builder, absl::Span<const graph::ValueId> values);

}  // namespace strata::framework

#endif  // STRATA_FRAMEWORK_OPTIM_ADAMW_H_
