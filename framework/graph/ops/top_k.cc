// top_k: the k largest of the last axis, best first; among equals the one of the lower index comes
// first, and NaN comes after all numbers. A mixture of experts picks its experts so.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "framework/graph/ops/checks.h"
#include "framework/graph/ops/emit.h"
#include "framework/graph/ops/families.h"

namespace strata::graph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const OpCall& call) {
  const TensorType& x = call.inputs[0];
  STRATA_RETURN_IF_ERROR(CheckFloat(x, "x"));
  STRATA_RETURN_IF_ERROR(CheckMinRank(x, "x", "[..., E]", 1));
  const int64_t k = call.attrs().Int("k");
  const Size& choices = x.shape.back();
  if (k < 1 || choices.is_symbol() || k > choices.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("k: is ", k, "; must be of [1, ", choices.ToString(), "], the last dim of x"));
  }
  const Shape shape = WithLastDim(x.shape, k);
  return std::vector<TensorType>{{x.dtype, shape}, {chips::I32, shape}};
}

// Whether a is better than b.
bool Better(double a, double b) { return a > b || (std::isnan(b) && !std::isnan(a)); }

absl::Status Reference(const OpCall& call, absl::Span<const HostTensor> inputs,
                       absl::Span<HostTensor> outputs) {
  const std::vector<double> x = inputs[0].ToDoubles();
  const size_t E = static_cast<size_t>(inputs[0].dims().back()),
               k = static_cast<size_t>(call.attrs().Int("k"));
  std::vector<double> values;
  for (size_t row = 0; row + E <= x.size(); row += E) {
    std::vector<int32_t> order(E);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
      return Better(x[row + static_cast<size_t>(a)], x[row + static_cast<size_t>(b)]);
    });
    for (size_t i = 0; i < k; ++i) {
      outputs[1].data<int32_t>()[values.size()] = order[i];
      values.push_back(x[row + static_cast<size_t>(order[i])]);
    }
  }
  outputs[0].SetFromDoubles(values);
  return absl::OkStatus();
}

// dx[e] = the sum of dvalues[i] where ids[i] is e.
absl::StatusOr<std::vector<ValueId>> Gradient(GradientContext& context) {
  const TensorType& x = context.call.inputs[0];
  Builder& b = context.builder;
  Emit e(b, StatisticsType(x.dtype));
  Shape column = context.call.outputs[0].shape;
  column.push_back(1);
  const ValueId choice = b.Apply(
      "iota", {},
      {{"dtype", Attr(chips::I32)}, {"dims", Attr(Shape{x.shape.back()})}, {"axis", Attr(0)}});
  const ValueId chosen = e.Cast(b.Apply("equal", {e.Reshape(context.outputs[1], column), choice}));
  const ValueId dvalues = e.Reshape(e.Cast(context.output_gradients[0]), column);
  const std::vector<int64_t> axes = {static_cast<int64_t>(column.size()) - 2};
  const ValueId dx = b.Apply("reduce_sum", {e.Mul(chosen, dvalues)},
                             {{"axes", Attr(axes)}, {"keep_dims", Attr(false)}});
  return std::vector<ValueId>{e.Cast(dx, x.dtype)};
}

// Every choice is compared with the best ones so far.
double Flops(const OpCall& call) {
  return static_cast<double>(call.inputs[0].elements()) *
         static_cast<double>(call.attrs().Int("k"));
}

}  // namespace

void RegisterTopKOps(OpRegistry& registry) {
  OpDef def;
  def.name = "top_k";
  def.summary = "x [..., E] -> the k largest, best first: values [..., k], ids [..., k] i32";
  def.min_inputs = def.max_inputs = 1;
  def.attributes = {{"k", AttrKind::kInt}};
  def.infer = Infer;
  def.reference = Reference;
  def.gradient = Gradient;
  def.flops = Flops;
  registry.Add(std::move(def));
}

}  // namespace strata::graph
