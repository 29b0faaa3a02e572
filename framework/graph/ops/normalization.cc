// layer_norm: y = (x - mean) / sqrt(variance + epsilon) * gamma + beta over the last axis (biased
// variance). rms_norm:   y = x / sqrt(mean(x²) + epsilon) * gamma. Gradients write the forward
// pass's statistics again, node for node, so that after decomposition and common subexpression
// elimination there is one set of them.
#include <cmath>

#include "framework/graph/ops/checks.h"
#include "framework/graph/ops/emit.h"
#include "framework/graph/ops/families.h"

namespace strata::graph {
namespace {

// x [..., C], then vectors [C] of the same dtype.
absl::StatusOr<std::vector<TensorType>> Infer(const OpCall& call) {
  constexpr const char* kNames[] = {"x", "gamma", "beta"};
  const TensorType& x = call.inputs[0];
  STRATA_RETURN_IF_ERROR(CheckFloat(x, "x"));
  STRATA_RETURN_IF_ERROR(CheckMinRank(x, "x", "[..., C]", 1));
  for (size_t i = 1; i < call.inputs.size(); ++i) {
    STRATA_RETURN_IF_ERROR(CheckDType(call.inputs[i], kNames[i], x.dtype));
    STRATA_RETURN_IF_ERROR(CheckShape(call.inputs[i], kNames[i], {x.shape.back()}));
  }
  if (!(call.attrs().Float("epsilon") >= 0)) {
    return absl::InvalidArgumentError("epsilon: is negative; 1e-5 is usual");
  }
  return std::vector<TensorType>{x};
}

// y = (x - shift) * scale * gamma + beta, with the shift and scale of each row.
absl::Status Reference(const OpCall& call, absl::Span<const HostTensor> inputs,
                       absl::Span<HostTensor> outputs, bool centre) {
  std::vector<double> x = inputs[0].ToDoubles();
  const std::vector<double> gamma = inputs[1].ToDoubles();
  const std::vector<double> beta =
      centre ? inputs[2].ToDoubles() : std::vector<double>(gamma.size());
  const double epsilon = call.attrs().Float("epsilon");
  const size_t columns = gamma.size();
  for (size_t row = 0; row < x.size(); row += columns) {
    double mean = 0, variance = 0;
    for (size_t c = 0; centre && c < columns; ++c)
      mean += x[row + c] / static_cast<double>(columns);
    for (size_t c = 0; c < columns; ++c) {
      variance += (x[row + c] - mean) * (x[row + c] - mean) / static_cast<double>(columns);
    }
    const double scale = 1 / std::sqrt(variance + epsilon);
    for (size_t c = 0; c < columns; ++c) {
      x[row + c] = (x[row + c] - mean) * scale * gamma[c] + beta[c];
    }
  }
  outputs[0].SetFromDoubles(x);
  return absl::OkStatus();
}

// What forward and backward share.
struct Statistics {
  ValueId rstd;        // [..., 1]
  ValueId normalized;  // [..., C], before gamma
};

Statistics EmitStatistics(Emit& e, const OpCall& call, ValueId x, bool centre) {
  const ValueId centered = centre ? e.Sub(x, e.MeanLast(x)) : x;
  const ValueId variance = e.MeanLast(e.Unary("square", centered));
  const ValueId rstd = e.Unary("rsqrt", e.Add(variance, call.attrs().Float("epsilon")));
  return {rstd, e.Mul(centered, rstd)};
}

absl::StatusOr<std::vector<ValueId>> Decompose(Builder& builder, const OpCall& call,
                                               absl::Span<const ValueId> inputs, bool centre) {
  const DType dtype = call.inputs[0].dtype;
  Emit e(builder, StatisticsType(dtype));
  const Statistics statistics = EmitStatistics(e, call, e.Cast(inputs[0]), centre);
  ValueId y = e.Mul(statistics.normalized, e.Cast(inputs[1]));
  if (centre) y = e.Add(y, e.Cast(inputs[2]));
  return std::vector<ValueId>{e.Cast(y, dtype)};
}

// With n = normalized, g = dy gamma:  dx = rstd (g - mean(g) - n mean(g n)), where rms_norm has no
// mean(g); dgamma = sum of dy n over rows, dbeta = sum of dy over rows.
absl::StatusOr<std::vector<ValueId>> Gradient(GradientContext& context, bool centre) {
  const DType dtype = context.call.inputs[0].dtype;
  Emit e(context.builder, StatisticsType(dtype));
  const Statistics statistics = EmitStatistics(e, context.call, e.Cast(context.inputs[0]), centre);
  const ValueId n = statistics.normalized;
  const ValueId dy = e.Cast(context.output_gradients[0]);
  std::vector<ValueId> gradients(context.inputs.size(), kNoValue);
  if (context.needs[0]) {
    const ValueId g = e.Mul(dy, e.Cast(context.inputs[1]));
    const ValueId centered = centre ? e.Sub(g, e.MeanLast(g)) : g;
    const ValueId dx = e.Mul(statistics.rstd, e.Sub(centered, e.Mul(n, e.MeanLast(e.Mul(g, n)))));
    gradients[0] = e.Cast(dx, dtype);
  }
  const Shape& channels = context.call.inputs[1].shape;
  if (context.needs[1]) gradients[1] = e.Cast(e.SumTo(e.Mul(dy, n), channels), dtype);
  if (centre && context.needs[2]) gradients[2] = e.Cast(e.SumTo(dy, channels), dtype);
  return gradients;
}

// An element of layer_norm: mean 1, subtract 1, square and mean 2, scale 1, gamma 1, beta 1; of
// rms_norm: 4. A row: one (rms_norm) or two divisions by C, epsilon, one rsqrt.
double Flops(const OpCall& call, bool centre) {
  const double elements = static_cast<double>(call.inputs[0].elements());
  const double columns = static_cast<double>(call.inputs[0].dims().back());
  const double rows = columns > 0 ? elements / columns : 0;
  return centre ? 7 * elements + 4 * rows : 4 * elements + 3 * rows;
}

OpDef Define(const char* name, const char* summary, bool centre) {
  using namespace std::placeholders;
  OpDef def;
  def.name = name;
  def.summary = summary;
  def.min_inputs = def.max_inputs = centre ? 3 : 2;
  def.attributes = {{"epsilon", AttrKind::kFloat}};
  def.infer = Infer;
  def.reference = std::bind(Reference, _1, _2, _3, centre);
  def.gradient = std::bind(Gradient, _1, centre);
  def.decompose = std::bind(Decompose, _1, _2, _3, centre);
  def.flops = std::bind(Flops, _1, centre);
  return def;
}

}  // namespace

void RegisterNormalizationOps(OpRegistry& registry) {
  registry.Add(Define("layer_norm",
                      "x [..., C], gamma [C], beta [C] -> (x - mean) / sqrt(variance + epsilon) * "
                      "gamma + beta over the last axis",
                      /*centre=*/true));
  registry.Add(Define("rms_norm",
                      "x [..., C], gamma [C] -> x / sqrt(mean(x²) + epsilon) * gamma over the last "
                      "axis",
                      /*centre=*/false));
}

}  // namespace strata::graph
