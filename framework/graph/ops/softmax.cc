// softmax(x) = exp(x - max(x)) / sum(exp(x - max(x))) over the last axis.
#include <algorithm>
#include <cmath>

#include "framework/graph/ops/checks.h"
#include "framework/graph/ops/emit.h"
#include "framework/graph/ops/families.h"

namespace strata::graph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const OpCall& call) {
  STRATA_RETURN_IF_ERROR(CheckFloat(call.inputs[0], "x"));
  STRATA_RETURN_IF_ERROR(CheckMinRank(call.inputs[0], "x", "[..., C]", 1));
  return std::vector<TensorType>{call.inputs[0]};
}

absl::Status Reference(const OpCall&, absl::Span<const HostTensor> inputs,
                       absl::Span<HostTensor> outputs) {
  std::vector<double> x = inputs[0].ToDoubles();
  const size_t columns = static_cast<size_t>(inputs[0].dims().back());
  for (size_t row = 0; row < x.size(); row += columns) {
    const double top = *std::max_element(&x[row], &x[row] + columns);
    double sum = 0;
    for (size_t c = 0; c < columns; ++c) sum += x[row + c] = std::exp(x[row + c] - top);
    for (size_t c = 0; c < columns; ++c) x[row + c] /= sum;
  }
  outputs[0].SetFromDoubles(x);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ValueId>> Decompose(Builder& builder, const OpCall& call,
                                               absl::Span<const ValueId> inputs) {
  Emit e(builder, StatisticsType(call.inputs[0].dtype));
  const ValueId x = e.Cast(inputs[0]);
  const ValueId numerator = e.Unary("exp", e.Sub(x, e.MaxLast(x)));
  const ValueId y = e.Mul(numerator, e.Unary("reciprocal", e.SumLast(numerator)));
  return std::vector<ValueId>{e.Cast(y, call.inputs[0].dtype)};
}

// dx = y (dy - sum(dy y)): the statistics live in y, which the forward pass has made.
absl::StatusOr<std::vector<ValueId>> Gradient(GradientContext& context) {
  const DType dtype = context.call.inputs[0].dtype;
  Emit e(context.builder, StatisticsType(dtype));
  const ValueId y = e.Cast(context.outputs[0]);
  const ValueId dy = e.Cast(context.output_gradients[0]);
  const ValueId dx = e.Mul(y, e.Sub(dy, e.SumLast(e.Mul(dy, y))));
  return std::vector<ValueId>{e.Cast(dx, dtype)};
}

// An element: max, subtract, exp, add to the sum, multiply; a row: one reciprocal.
double Flops(const OpCall& call) {
  const double elements = static_cast<double>(call.inputs[0].elements());
  const double columns = static_cast<double>(call.inputs[0].dims().back());
  return 5 * elements + (columns > 0 ? elements / columns : 0);
}

}  // namespace

void RegisterSoftmaxOps(OpRegistry& registry) {
  OpDef def;
  def.name = "softmax";
  def.summary = "x [..., C] -> exp(x - max) / sum(exp(x - max)) over the last axis";
  def.min_inputs = def.max_inputs = 1;
  def.infer = Infer;
  def.reference = Reference;
  def.gradient = Gradient;
  def.decompose = Decompose;
  def.flops = Flops;
  registry.Add(std::move(def));
}

}  // namespace strata::graph
