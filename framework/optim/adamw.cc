#include "framework/optim/adamw.h"

#include <numeric>
#include <string>

namespace strata::framework {
namespace {

using graph::Attr;
using graph::Builder;
using graph::ValueId;

// Keeps the division finite when all gradients are zero.
constexpr double kNormFloor = 1e-6;

absl::Status CheckParameters(const Builder& builder, absl::Span<const ValueId> parameters,
                             absl::Span<const ValueId> gradients) {
  if (parameters.empty()) return absl::InvalidArgumentError("AddAdamW: there are no parameters");
  if (parameters.size() != gradients.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "AddAdamW: ", gradients.size(), " gradients for ", parameters.size(), " parameters"));
  }
  const graph::DType dtype = builder.type(parameters[0]).dtype;
  for (ValueId parameter : parameters) {
    const graph::TensorType type = builder.type(parameter);
    if (type.dtype == dtype) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("AddAdamW: parameter '", builder.name(parameter), "' is ", type.ToString(),
                     "; the first is ", chips::DTypeName(dtype), "; all must be of one dtype"));
  }
  return absl::OkStatus();
}

ValueId Reduce(Builder& builder, ValueId x, const std::vector<int64_t>& axes) {
  return builder.Apply("reduce_sum", {x}, {{"axes", Attr(axes)}, {"keep_dims", Attr(false)}});
}

// The sum of squares of all elements: over the last axis first, which a fusing compiler joins with
// the squares.
ValueId SumOfSquares(Builder& builder, ValueId x) {
  ValueId sum = builder.Apply("square", {x});
  const int64_t rank = builder.type(x).rank();
  if (rank > 0) sum = Reduce(builder, sum, {rank - 1});
  if (rank > 1) {
    std::vector<int64_t> rest(static_cast<size_t>(rank - 1));
    std::iota(rest.begin(), rest.end(), 0);
    sum = Reduce(builder, sum, rest);
  }
  return sum;
}

// min(1, clip_norm / (norm + floor)).
ValueId ClipScale(Builder& builder, ValueId norm, double clip_norm) {
  const graph::DType dtype = builder.type(norm).dtype;
  const ValueId safe = builder.Apply("add", {norm, builder.Constant(kNormFloor, dtype)});
  const ValueId ratio = builder.Apply("div", {builder.Constant(clip_norm, dtype), safe});
  return builder.Apply("min", {ratio, builder.Constant(1, dtype)});
}

// True for numbers, false for infinities and NaN: x - x is 0 for numbers only.
ValueId IsFinite(Builder& builder, ValueId x) {
  return builder.Apply("equal",
                       {builder.Apply("sub", {x, x}), builder.Constant(0, builder.type(x).dtype)});
}

// What every gradient is multiplied with, and whether the step counts.
struct GradientScale {
  ValueId factor = graph::kNoValue;  // a scalar; kNoValue: 1
  ValueId finite = graph::kNoValue;  // [] bool; kNoValue: always
};

// The norm is that of the true gradients: of the scaled ones over the scale.
GradientScale ScaleOf(Builder& builder, absl::Span<const ValueId> gradients,
                      const AdamWOptions& options, const LossScale* loss_scale,
                      OptimizerValues* values) {
  GradientScale scale;
  if (options.clip_norm <= 0 && loss_scale == nullptr) return scale;
  Builder::Scope clip(builder, "clip");
  values->gradient_norm = GlobalNorm(builder, gradients);
  if (loss_scale != nullptr) {
    scale.factor = builder.Apply("reciprocal", {loss_scale->scale});
    values->gradient_norm = builder.Apply("mul", {values->gradient_norm, scale.factor});
    scale.finite = IsFinite(builder, values->gradient_norm);
    UpdateLossScale(builder, *loss_scale, scale.finite);
  }
  if (options.clip_norm > 0) {
    const ValueId ratio = ClipScale(builder, values->gradient_norm, options.clip_norm);
    scale.factor =
        scale.factor == graph::kNoValue ? ratio : builder.Apply("mul", {scale.factor, ratio});
  }
  return scale;
}

void UpdateParameter(Builder& builder, ValueId parameter, ValueId gradient, ValueId finite,
                     const OptimizerValues& values, const AdamWOptions& options) {
  const std::string name = builder.name(parameter);
  Builder::Scope scope(builder, name);
  const graph::TensorType type = builder.type(parameter);
  const ValueId m = builder.Input(name + ".m", type, graph::STATE);
  const ValueId v = builder.Input(name + ".v", type, graph::STATE);
  const double decay = type.rank() >= 2 ? options.weight_decay : 0.0;
  const std::vector<ValueId> updated =
      builder.ApplyMulti("adamw", {parameter, gradient, m, v, values.lr, values.step},
                         {{"beta1", Attr(options.beta1)},
                          {"beta2", Attr(options.beta2)},
                          {"epsilon", Attr(options.epsilon)},
                          {"weight_decay", Attr(decay)}});
  if (updated.empty()) return;
  const ValueId old[] = {parameter, m, v};
  for (size_t i = 0; i < 3; ++i) {
    const ValueId value = finite == graph::kNoValue
                              ? updated[i]
                              : builder.Apply("select", {finite, updated[i], old[i]});
    builder.Update(old[i], value);
  }
}

}  // namespace

ValueId GlobalNorm(Builder& builder, absl::Span<const ValueId> values) {
  ValueId total = graph::kNoValue;
  for (ValueId value : values) {
    const ValueId sum = SumOfSquares(builder, value);
    total = total == graph::kNoValue ? sum : builder.Apply("add", {total, sum});
  }
  return builder.Apply("sqrt", {total});
}

OptimizerValues AddAdamW(Builder& builder, absl::Span<const ValueId> parameters,
                         absl::Span<const ValueId> gradients, const AdamWOptions& options,
                         const LossScale* loss_scale) {
  OptimizerValues values;
  if (!builder.status().ok()) return values;
  const absl::Status status = CheckParameters(builder, parameters, gradients);
  if (!status.ok()) {
    builder.Fail(status);
    return values;
  }
  Builder::Scope scope(builder, "adamw");
  const graph::DType dtype = builder.type(parameters[0]).dtype;
  values.lr = builder.Input("lr", {dtype, {}}, graph::DATA);
  values.step = builder.Input("step", {dtype, {}}, graph::DATA);
  if (loss_scale != nullptr && dtype != chips::F32) {
    builder.Fail(absl::InvalidArgumentError("AddAdamW: a loss scale needs parameters in f32"));
    return values;
  }
  const GradientScale scale = ScaleOf(builder, gradients, options, loss_scale, &values);
  OptimizerValues of_step = values;
  if (loss_scale != nullptr)  // a step that was skipped does not count
    of_step.step = builder.Apply("add", {loss_scale->taken, builder.Constant(1, dtype)});
  for (size_t i = 0; i < parameters.size(); ++i) {
    ValueId gradient = gradients[i];
    if (scale.factor != graph::kNoValue) gradient = builder.Apply("mul", {gradient, scale.factor});
    UpdateParameter(builder, parameters[i], gradient, scale.finite, of_step, options);
  }
  return values;
}

}  // namespace strata::framework
