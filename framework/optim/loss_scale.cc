#include "framework/optim/loss_scale.h"

#include "absl/strings/str_cat.h"

namespace strata::framework {
namespace {

using graph::Builder;
using graph::ValueId;

ValueId Constant(Builder& builder, double value) { return builder.Constant(value, chips::F32); }

}  // namespace

LossScale AddLossScale(Builder& builder, const LossScaleOptions& options) {
  LossScale scale;
  scale.options = options;
  if (!(options.initial > 0) || options.interval < 1 || !(options.max_shift >= 0)) {
    builder.Fail(absl::InvalidArgumentError(absl::StrCat(
        "AddLossScale: initial (", options.initial, ") must be positive, interval (",
        options.interval, ") at least 1, max_shift (", options.max_shift, ") not negative")));
    return scale;
  }
  scale.shift = builder.Input("loss_scale.shift", {chips::F32, {}}, graph::STATE);
  scale.good_steps = builder.Input("loss_scale.good_steps", {chips::F32, {}}, graph::STATE);
  scale.taken = builder.Input("loss_scale.taken", {chips::F32, {}}, graph::STATE);
  const ValueId power = builder.Apply("pow", {Constant(builder, 2), scale.shift});
  scale.scale = builder.Apply("mul", {Constant(builder, options.initial), power});
  return scale;
}

void UpdateLossScale(Builder& builder, const LossScale& scale, ValueId finite) {
  const LossScaleOptions& o = scale.options;
  const ValueId one = Constant(builder, 1), zero = Constant(builder, 0);
  const ValueId good = builder.Apply("add", {scale.good_steps, one});
  const ValueId due = builder.Apply("less_equal", {Constant(builder, o.interval), good});
  // Finite: up by one when enough steps were good. Not: down by one, and counting starts again.
  const ValueId step = builder.Apply(
      "select", {finite, builder.Apply("select", {due, one, zero}), Constant(builder, -1)});
  const ValueId moved = builder.Apply("add", {scale.shift, step});
  const ValueId shift =
      builder.Apply("max", {builder.Apply("min", {moved, Constant(builder, o.max_shift)}),
                            Constant(builder, -o.max_shift)});
  const ValueId count =
      builder.Apply("select", {finite, builder.Apply("select", {due, zero, good}), zero});
  const ValueId taken = builder.Apply("add", {scale.taken, one});
  builder.Update(scale.taken, builder.Apply("select", {finite, taken, scale.taken}));
  builder.Update(scale.shift, shift);
  builder.Update(scale.good_steps, count);
}

}  // namespace strata::framework
