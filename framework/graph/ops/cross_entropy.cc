// cross_entropy: loss = log(sum(exp(logits))) - logits[target] of each row; a negative target is
// ignored (loss 0). cross_entropy_gradient: dlogits = (softmax(logits) - onehot(target)) dloss,
// with softmax = exp(logits - lse).
#include <algorithm>
#include <cmath>

#include "framework/graph/ops/checks.h"
#include "framework/graph/ops/emit.h"
#include "framework/graph/ops/families.h"

namespace strata::graph {
namespace {

absl::Status CheckLogitsAndTargets(const OpCall& call) {
  const TensorType &logits = call.inputs[0], &targets = call.inputs[1];
  STRATA_RETURN_IF_ERROR(CheckFloat(logits, "logits"));
  STRATA_RETURN_IF_ERROR(CheckMinRank(logits, "logits", "[..., V]", 1));
  STRATA_RETURN_IF_ERROR(CheckDType(targets, "targets", chips::I32));
  return CheckShape(targets, "targets", LeadingDims(logits.shape));
}

TensorType RowType(const TensorType& logits) {
  return {StatisticsType(logits.dtype), LeadingDims(logits.shape)};
}

absl::StatusOr<std::vector<TensorType>> Infer(const OpCall& call) {
  STRATA_RETURN_IF_ERROR(CheckLogitsAndTargets(call));
  return std::vector<TensorType>(2, RowType(call.inputs[0]));
}

absl::StatusOr<std::vector<TensorType>> InferGradient(const OpCall& call) {
  STRATA_RETURN_IF_ERROR(CheckLogitsAndTargets(call));
  const TensorType row = RowType(call.inputs[0]);
  for (size_t i : {2, 3}) {
    const char* name = i == 2 ? "lse" : "dloss";
    STRATA_RETURN_IF_ERROR(CheckDType(call.inputs[i], name, row.dtype));
    STRATA_RETURN_IF_ERROR(CheckShape(call.inputs[i], name, row.shape));
  }
  return std::vector<TensorType>{call.inputs[0]};
}

absl::Status CheckTarget(int64_t row, int64_t target, int64_t classes) {
  if (target < classes) return absl::OkStatus();
  return absl::OutOfRangeError(absl::StrCat("targets: element ", row, " is ", target,
                                            "; there are classes [0, ", classes,
                                            "), and a negative one is ignored"));
}

absl::Status Reference(const OpCall&, absl::Span<const HostTensor> inputs,
                       absl::Span<HostTensor> outputs) {
  const std::vector<double> logits = inputs[0].ToDoubles();
  const int64_t classes = inputs[0].dims().back();
  std::vector<double> loss(static_cast<size_t>(inputs[1].elements())), lse(loss.size());
  for (size_t row = 0; row < loss.size(); ++row) {
    const int64_t target = inputs[1].data<int32_t>()[row];
    STRATA_RETURN_IF_ERROR(CheckTarget(static_cast<int64_t>(row), target, classes));
    const double* x = logits.data() + row * static_cast<size_t>(classes);
    const double top = classes == 0 ? 0.0 : *std::max_element(x, x + classes);
    double sum = 0;
    for (int64_t c = 0; c < classes; ++c) sum += std::exp(x[c] - top);
    lse[row] = top + std::log(sum);
    loss[row] = target < 0 ? 0.0 : lse[row] - x[target];
  }
  outputs[0].SetFromDoubles(loss);
  outputs[1].SetFromDoubles(lse);
  return absl::OkStatus();
}

absl::Status ReferenceGradient(const OpCall&, absl::Span<const HostTensor> inputs,
                               absl::Span<HostTensor> outputs) {
  std::vector<double> x = inputs[0].ToDoubles();
  const std::vector<double> lse = inputs[2].ToDoubles(), dloss = inputs[3].ToDoubles();
  const int64_t classes = inputs[0].dims().back();
  for (size_t row = 0; row < lse.size(); ++row) {
    const int64_t target = inputs[1].data<int32_t>()[row];
    STRATA_RETURN_IF_ERROR(CheckTarget(static_cast<int64_t>(row), target, classes));
    for (int64_t c = 0; c < classes; ++c) {
      double& element = x[row * static_cast<size_t>(classes) + static_cast<size_t>(c)];
      const double probability = std::exp(element - lse[row]);
      element = target < 0 ? 0.0 : (probability - (c == target ? 1 : 0)) * dloss[row];
    }
  }
  outputs[0].SetFromDoubles(x);
  return absl::OkStatus();
}

// Through the loss by its own op; through lse (a z-loss) as softmax(logits) dlse.
absl::StatusOr<std::vector<ValueId>> Gradient(GradientContext& context) {
  const TensorType& logits = context.call.inputs[0];
  Emit e(context.builder, StatisticsType(logits.dtype));
  const ValueId dloss = context.output_gradients[0], dlse = context.output_gradients[1];
  ValueId dlogits = kNoValue;
  if (dloss != kNoValue) {
    dlogits = context.builder.Apply("cross_entropy_gradient", {context.inputs[0], context.inputs[1],
                                                               context.outputs[1], dloss});
  }
  if (dlse != kNoValue) {
    const Shape column = WithLastDim(logits.shape, 1);
    const ValueId softmax =
        e.Unary("exp", e.Sub(e.Cast(context.inputs[0]), e.Reshape(context.outputs[1], column)));
    const ValueId part = e.Cast(e.Mul(softmax, e.Reshape(dlse, column)), logits.dtype);
    dlogits = dlogits == kNoValue ? part : e.Add(dlogits, part);
  }
  return std::vector<ValueId>{dlogits, kNoValue};
}

double Elements(const OpCall& call) { return static_cast<double>(call.inputs[0].elements()); }
double Rows(const OpCall& call) { return static_cast<double>(call.inputs[1].elements()); }

}  // namespace

void RegisterCrossEntropyOps(OpRegistry& registry) {
  OpDef loss;
  loss.name = "cross_entropy";
  loss.summary =
      "logits [..., V], targets [...] i32 -> loss [...] = lse - logits[target], lse [...]; a "
      "negative target is ignored (loss 0)";
  loss.min_inputs = loss.max_inputs = 2;
  loss.infer = Infer;
  loss.reference = Reference;
  loss.gradient = Gradient;
  // An element: max, subtract, exp, add. A row: log, add, subtract.
  loss.flops = [](const OpCall& call) { return 4 * Elements(call) + 3 * Rows(call); };
  registry.Add(std::move(loss));

  OpDef gradient;
  gradient.name = "cross_entropy_gradient";
  gradient.summary =
      "logits [..., V], targets, lse, dloss [...] -> (softmax - onehot) dloss [..., V]";
  gradient.min_inputs = gradient.max_inputs = 4;
  gradient.infer = InferGradient;
  gradient.reference = ReferenceGradient;
  // An element: subtract, exp, multiply. A row: subtract 1.
  gradient.flops = [](const OpCall& call) { return 3 * Elements(call) + Rows(call); };
  registry.Add(std::move(gradient));
}

}  // namespace strata::graph
