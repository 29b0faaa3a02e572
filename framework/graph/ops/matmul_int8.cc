// matmul_int8: y = (x wᵀ) · scale, weights in 8 bits with one scale an output row; x and the sums
// stay in floats.
#include "framework/graph/ops/checks.h"
#include "framework/graph/ops/emit.h"
#include "framework/graph/ops/families.h"

namespace strata::graph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const OpCall& call) {
  const TensorType &x = call.inputs[0], &w = call.inputs[1], &scale = call.inputs[2];
  STRATA_RETURN_IF_ERROR(CheckFloat(x, "x"));
  STRATA_RETURN_IF_ERROR(CheckMinRank(x, "x", "[..., K]", 1));
  STRATA_RETURN_IF_ERROR(CheckDType(w, "w", chips::I8));
  STRATA_RETURN_IF_ERROR(CheckRank(w, "w", "[N, K]", 2));
  STRATA_RETURN_IF_ERROR(CheckShape(w, "w", {w.shape[0], x.shape.back()}));
  STRATA_RETURN_IF_ERROR(CheckDType(scale, "scale", StatisticsType(x.dtype)));
  STRATA_RETURN_IF_ERROR(CheckShape(scale, "scale", {w.shape[0]}));
  return std::vector<TensorType>{{x.dtype, WithLastDim(x.shape, w.shape[0])}};
}

absl::Status Reference(const OpCall&, absl::Span<const HostTensor> inputs,
                       absl::Span<HostTensor> outputs) {
  const std::vector<double> x = inputs[0].ToDoubles(), scale = inputs[2].ToDoubles();
  const int8_t* w = inputs[1].data<int8_t>();
  const size_t columns = static_cast<size_t>(inputs[1].dims()[1]), n = scale.size();
  std::vector<double> y(static_cast<size_t>(outputs[0].elements()), 0.0);
  for (size_t i = 0; i < y.size(); ++i) {
    const size_t row = i / n, column = i % n;
    for (size_t k = 0; k < columns; ++k) y[i] += x[row * columns + k] * w[column * columns + k];
    y[i] *= scale[column];
  }
  outputs[0].SetFromDoubles(y);
  return absl::OkStatus();
}

// dx = (dy · scale) w,  dscale = sum over rows of dy · (x wᵀ). The 8-bit weights are not trained.
absl::StatusOr<std::vector<ValueId>> Gradient(GradientContext& context) {
  const DType dtype = context.call.inputs[0].dtype;
  Emit e(context.builder, StatisticsType(dtype));
  const ValueId dy = e.Cast(context.output_gradients[0]);
  const ValueId w = e.Cast(context.inputs[1]), scale = context.inputs[2];
  std::vector<ValueId> gradients(3, kNoValue);
  if (context.needs[0]) {
    gradients[0] = e.Cast(e.Matmul(e.Mul(dy, scale), w, /*transpose_b=*/false), dtype);
  }
  if (context.needs[2]) {
    const ValueId product = e.Matmul(e.Cast(context.inputs[0]), w, /*transpose_b=*/true);
    gradients[2] = e.SumTo(e.Mul(dy, product), context.call.inputs[2].shape);
  }
  return gradients;
}

// A multiply-add a weight and row of x, one multiply by the scale an output.
double Flops(const OpCall& call) {
  const double outputs = static_cast<double>(call.outputs[0].elements());
  return outputs * (2 * static_cast<double>(call.inputs[1].dims()[1]) + 1);
}

}  // namespace

void RegisterMatmulInt8Ops(OpRegistry& registry) {
  OpDef def;
  def.name = "matmul_int8";
  def.summary = "x [..., K], w [N, K] i8, scale [N] -> (x wᵀ) · scale [..., N]";
  def.min_inputs = def.max_inputs = 3;
  def.infer = Infer;
  def.reference = Reference;
  def.gradient = Gradient;
  def.flops = Flops;
  registry.Add(std::move(def));
}

}  // namespace strata::graph
