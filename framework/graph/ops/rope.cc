// rope: rotary position embedding. Pair i of a head turns by the angle  position · theta^(-2i / D):
//   (a, b) -> (a cos - b sin, b cos + a sin),
// where a pair is (x[i], x[i + D/2]), or (x[2i], x[2i + 1]) when interleaved. `inverse` turns back:
// the adjoint.
#include <cmath>

#include "framework/graph/ops/checks.h"
#include "framework/graph/ops/emit.h"
#include "framework/graph/ops/families.h"

namespace strata::graph {
namespace {

absl::StatusOr<std::vector<TensorType>> Infer(const OpCall& call) {
  const TensorType& x = call.inputs[0];
  const TensorType& positions = call.inputs[1];
  STRATA_RETURN_IF_ERROR(CheckFloat(x, "x"));
  STRATA_RETURN_IF_ERROR(CheckRank(x, "x", "[B, T, H, D]", 4));
  STRATA_RETURN_IF_ERROR(CheckDType(positions, "positions", chips::I32));
  STRATA_RETURN_IF_ERROR(CheckShape(positions, "positions", {x.shape[0], x.shape[1]}));
  const Size& head = x.shape[3];
  if (head.is_symbol() || head.size() % 2 != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("x: is ", x.ToString(), "; the last dim must be an even number"));
  }
  if (!(call.attrs().Float("theta") > 0)) {
    return absl::InvalidArgumentError("theta: must be above 0; 10000 is usual");
  }
  return std::vector<TensorType>{x};
}

absl::Status Reference(const OpCall& call, absl::Span<const HostTensor> inputs,
                       absl::Span<HostTensor> outputs) {
  const std::vector<int64_t>& dims = inputs[0].dims();
  const size_t heads = static_cast<size_t>(dims[2]), half = static_cast<size_t>(dims[3] / 2);
  const double theta = call.attrs().Float("theta");
  const double sign = call.attrs().Bool("inverse") ? -1 : 1;
  const bool interleaved = call.attrs().Bool("interleaved");
  std::vector<double> x = inputs[0].ToDoubles();
  const std::vector<double> positions = inputs[1].ToDoubles();
  for (size_t token = 0; token < positions.size(); ++token) {
    for (size_t i = 0; i < half; ++i) {
      const double exponent = -static_cast<double>(i) / static_cast<double>(half);
      const double angle = sign * positions[token] * std::pow(theta, exponent);
      for (size_t h = 0; h < heads; ++h) {
        double* head = &x[(token * heads + h) * 2 * half];
        double& a = head[interleaved ? 2 * i : i];
        double& b = head[interleaved ? 2 * i + 1 : i + half];
        const double turned = a * std::cos(angle) - b * std::sin(angle);
        b = b * std::cos(angle) + a * std::sin(angle);
        a = turned;
      }
    }
  }
  outputs[0].SetFromDoubles(x);
  return absl::OkStatus();
}

// Turns back what the forward pass turned.
absl::StatusOr<std::vector<ValueId>> Gradient(GradientContext& context) {
  Attributes attributes = GetAttributes(*context.call.node);
  attributes["inverse"] = Attr(!context.call.attrs().Bool("inverse"));
  const ValueId dx =
      context.builder.Apply("rope", {context.output_gradients[0], context.inputs[1]}, attributes);
  return std::vector<ValueId>{dx, kNoValue};
}

// The angles of all pairs, [B, T, 1, D/2]; interleaved: [B, T, 1, D/2, 1].
ValueId EmitAngles(Builder& builder, Emit& e, const OpCall& call, ValueId positions) {
  const Shape& shape = call.inputs[0].shape;
  const int64_t half = shape[3].size() / 2;
  const ValueId pair = builder.Apply("iota", {},
                                     {{"dtype", Attr(StatisticsType(call.inputs[0].dtype))},
                                      {"dims", Attr(Shape{half})},
                                      {"axis", Attr(0)}});
  const double rate = -std::log(call.attrs().Float("theta")) / static_cast<double>(half);
  ValueId frequency = e.Unary("exp", e.Mul(pair, rate));
  if (call.attrs().Bool("inverse")) frequency = e.Unary("neg", frequency);
  Shape token = {shape[0], shape[1], 1, 1};
  if (call.attrs().Bool("interleaved")) {
    frequency = e.Reshape(frequency, {half, 1});
    token.push_back(1);
  }
  return e.Mul(e.Reshape(e.Cast(positions), token), frequency);
}

absl::StatusOr<std::vector<ValueId>> Decompose(Builder& builder, const OpCall& call,
                                               absl::Span<const ValueId> inputs) {
  const TensorType& type = call.inputs[0];
  const int64_t half = type.shape[3].size() / 2;
  const bool interleaved = call.attrs().Bool("interleaved");
  Emit e(builder, StatisticsType(type.dtype));
  const ValueId angles = EmitAngles(builder, e, call, inputs[1]);
  const ValueId cos = e.Unary("cos", angles), sin = e.Unary("sin", angles);
  ValueId x = e.Cast(inputs[0]);
  if (interleaved) {
    x = e.Reshape(x, {type.shape[0], type.shape[1], type.shape[2], half, 2});
  }
  const int64_t axis = interleaved ? 4 : 3, width = interleaved ? 1 : half;
  const ValueId a = e.Slice(x, axis, 0, width), b = e.Slice(x, axis, width, 2 * width);
  const ValueId turned_a = e.Sub(e.Mul(a, cos), e.Mul(b, sin));
  const ValueId turned_b = e.Add(e.Mul(b, cos), e.Mul(a, sin));
  ValueId y = builder.Apply("concat", {turned_a, turned_b}, {{"axis", Attr(axis)}});
  if (interleaved) y = e.Reshape(y, type.shape);
  return std::vector<ValueId>{e.Cast(y, type.dtype)};
}

// A pair: four multiplies and two additions. A pair of a token (all heads share it): angle, sine,
// cosine. A pair of the head: its frequency (a multiply and a power).
double Flops(const OpCall& call) {
  const std::vector<int64_t> dims = call.inputs[0].dims();
  const double pairs = static_cast<double>(dims[3] / 2);
  const double tokens = static_cast<double>(dims[0] * dims[1]);
  return pairs * (6 * tokens * static_cast<double>(dims[2]) + 3 * tokens + 2);
}

}  // namespace

void RegisterRopeOps(OpRegistry& registry) {
  OpDef def;
  def.name = "rope";
  def.summary =
      "x [B, T, H, D], positions [B, T] i32 -> each pair of a head turned by position · "
      "theta^(-2i / D)";
  def.min_inputs = def.max_inputs = 2;
  def.attributes = {{"theta", AttrKind::kFloat},
                    {"interleaved", AttrKind::kBool, /*required=*/false},
                    {"inverse", AttrKind::kBool, /*required=*/false}};
  def.infer = Infer;
  def.reference = Reference;
  def.gradient = Gradient;
  def.decompose = Decompose;
  def.flops = Flops;
  registry.Add(std::move(def));
}

}  // namespace strata::graph
