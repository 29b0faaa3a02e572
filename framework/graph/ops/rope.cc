// rope: rotary position embedding. Pair i of a head turns by the angle  position · frequency[i]:
//   (a, b) -> magnitude · (a cos - b sin, b cos + a sin),
// where a pair is (x[i], x[i + W/2]), or (x[2i], x[2i + 1]) when interleaved. Only the first W =
// `width` of a head's D elements turn, the others pass; frequency[i] is theta^(-2i / W) unless it is
// given (NTK, YaRN and Llama 3 scale it). `inverse` turns by the opposite angles: the adjoint.
#include <cmath>

#include "framework/graph/ops/checks.h"
#include "framework/graph/ops/emit.h"
#include "framework/graph/ops/families.h"

namespace strata::graph {
namespace {

bool HasFrequencies(const OpCall& call) { return call.inputs.size() > 2; }

// W; the head dim is a number.
int64_t WidthOf(const OpCall& call) {
  return call.attrs().Int("width", call.inputs[0].shape[3].size());
}

// What says how far pairs turn: `theta`, or the input `frequencies`.
absl::Status CheckFrequencies(const OpCall& call) {
  if (HasFrequencies(call)) {
    STRATA_RETURN_IF_ERROR(CheckDType(call.inputs[2], "frequencies", chips::F32));
    return CheckShape(call.inputs[2], "frequencies", {WidthOf(call) / 2});
  }
  if (!call.attrs().Has("theta")) {
    return absl::InvalidArgumentError(
        "attribute 'theta' (float) is missing; without it give the input frequencies [W/2]");
  }
  if (!(call.attrs().Float("theta") > 0)) {
    return absl::InvalidArgumentError("theta: must be above 0; 10000 is usual");
  }
  return absl::OkStatus();
}

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
  const int64_t width = WidthOf(call);
  if (width < 0 || width > head.size() || width % 2 != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("width: is ", width, "; must be an even number of [0, ", head.size(), "]"));
  }
  STRATA_RETURN_IF_ERROR(CheckFrequencies(call));
  return std::vector<TensorType>{x};
}

// Frequencies of the pairs: [W/2].
std::vector<double> Frequencies(const OpCall& call, absl::Span<const HostTensor> inputs) {
  if (HasFrequencies(call)) return inputs[2].ToDoubles();
  std::vector<double> frequencies;
  const int64_t half = WidthOf(call) / 2;
  for (int64_t i = 0; i < half; ++i) {
    const double exponent = -static_cast<double>(i) / static_cast<double>(half);
    frequencies.push_back(std::pow(call.attrs().Float("theta"), exponent));
  }
  return frequencies;
}

// The first 2 * half elements of a head.
void Turn(double* head, size_t i, size_t half, bool interleaved, double cos, double sin) {
  double& a = head[interleaved ? 2 * i : i];
  double& b = head[interleaved ? 2 * i + 1 : i + half];
  const double turned = a * cos - b * sin;
  b = b * cos + a * sin;
  a = turned;
}

absl::Status Reference(const OpCall& call, absl::Span<const HostTensor> inputs,
                       absl::Span<HostTensor> outputs) {
  const std::vector<int64_t>& dims = inputs[0].dims();
  const size_t heads = static_cast<size_t>(dims[2]), D = static_cast<size_t>(dims[3]);
  const double sign = call.attrs().Bool("inverse") ? -1 : 1;
  const double magnitude = call.attrs().Float("magnitude", 1);
  const bool interleaved = call.attrs().Bool("interleaved");
  std::vector<double> x = inputs[0].ToDoubles();
  const std::vector<double> positions = inputs[1].ToDoubles();
  const std::vector<double> frequencies = Frequencies(call, inputs);
  for (size_t token = 0; token < positions.size(); ++token) {
    for (size_t i = 0; i < frequencies.size(); ++i) {
      const double angle = sign * positions[token] * frequencies[i];
      const double cos = magnitude * std::cos(angle), sin = magnitude * std::sin(angle);
      for (size_t h = 0; h < heads; ++h)
        Turn(&x[(token * heads + h) * D], i, frequencies.size(), interleaved, cos, sin);
    }
  }
  outputs[0].SetFromDoubles(x);
  return absl::OkStatus();
}

// Turns back what the forward pass turned.
absl::StatusOr<std::vector<ValueId>> Gradient(GradientContext& context) {
  if (HasFrequencies(context.call) && context.needs[2]) {
    return absl::UnimplementedError("rope's frequencies have no gradient; they are not trained");
  }
  Attributes attributes = GetAttributes(*context.call.node);
  attributes["inverse"] = Attr(!context.call.attrs().Bool("inverse"));
  std::vector<ValueId> inputs = context.inputs;
  inputs[0] = context.output_gradients[0];
  std::vector<ValueId> gradients(inputs.size(), kNoValue);
  gradients[0] = context.builder.Apply("rope", inputs, attributes);
  return gradients;
}

// Frequencies of the pairs, [W/2], negative for the inverse.
ValueId EmitFrequencies(Builder& builder, Emit& e, const OpCall& call,
                        absl::Span<const ValueId> inputs) {
  const int64_t half = WidthOf(call) / 2;
  ValueId frequency;
  if (HasFrequencies(call)) {
    frequency = e.Cast(inputs[2]);
  } else {
    const ValueId pair = builder.Apply("iota", {},
                                       {{"dtype", Attr(StatisticsType(call.inputs[0].dtype))},
                                        {"dims", Attr(Shape{half})},
                                        {"axis", Attr(0)}});
    const double rate = -std::log(call.attrs().Float("theta")) / static_cast<double>(half);
    frequency = e.Unary("exp", e.Mul(pair, rate));
  }
  return call.attrs().Bool("inverse") ? e.Unary("neg", frequency) : frequency;
}

// The angles of all pairs, [B, T, 1, W/2]; interleaved: [B, T, 1, W/2, 1].
ValueId EmitAngles(Builder& builder, Emit& e, const OpCall& call,
                   absl::Span<const ValueId> inputs) {
  const Shape& shape = call.inputs[0].shape;
  ValueId frequency = EmitFrequencies(builder, e, call, inputs);
  Shape token = {shape[0], shape[1], 1, 1};
  if (call.attrs().Bool("interleaved")) {
    frequency = e.Reshape(frequency, {WidthOf(call) / 2, 1});
    token.push_back(1);
  }
  return e.Mul(e.Reshape(e.Cast(inputs[1]), token), frequency);
}

// x [B, T, H, W] turned.
ValueId EmitTurned(Builder& builder, Emit& e, const OpCall& call, absl::Span<const ValueId> inputs,
                   ValueId x) {
  const Shape shape = builder.type(x).shape;
  const int64_t half = shape[3].size() / 2;
  const bool interleaved = call.attrs().Bool("interleaved");
  const ValueId angles = EmitAngles(builder, e, call, inputs);
  ValueId cos = e.Unary("cos", angles), sin = e.Unary("sin", angles);
  if (call.attrs().Has("magnitude")) {
    cos = e.Mul(cos, call.attrs().Float("magnitude"));
    sin = e.Mul(sin, call.attrs().Float("magnitude"));
  }
  if (interleaved) x = e.Reshape(x, {shape[0], shape[1], shape[2], half, 2});
  const int64_t axis = interleaved ? 4 : 3, width = interleaved ? 1 : half;
  const ValueId a = e.Slice(x, axis, 0, width), b = e.Slice(x, axis, width, 2 * width);
  const ValueId turned_a = e.Sub(e.Mul(a, cos), e.Mul(b, sin));
  const ValueId turned_b = e.Add(e.Mul(b, cos), e.Mul(a, sin));
  const ValueId y = builder.Apply("concat", {turned_a, turned_b}, {{"axis", Attr(axis)}});
  return interleaved ? e.Reshape(y, shape) : y;
}

absl::StatusOr<std::vector<ValueId>> Decompose(Builder& builder, const OpCall& call,
                                               absl::Span<const ValueId> inputs) {
  const TensorType& type = call.inputs[0];
  const int64_t D = type.shape[3].size(), width = WidthOf(call);
  Emit e(builder, StatisticsType(type.dtype));
  const ValueId x = e.Cast(inputs[0]);
  ValueId y = x;
  if (width == D && width > 0) {
    y = EmitTurned(builder, e, call, inputs, x);
  } else if (width > 0) {
    const ValueId turned = EmitTurned(builder, e, call, inputs, e.Slice(x, 3, 0, width));
    y = builder.Apply("concat", {turned, e.Slice(x, 3, width, D)}, {{"axis", Attr(3)}});
  }
  return std::vector<ValueId>{e.Cast(y, type.dtype)};
}

// A pair: four multiplies and two additions. A pair of a token (all heads share it): angle, sine,
// cosine, and the magnitude's two multiplies. A pair of the head: its frequency (a multiply and a
// power) unless it is given.
double Flops(const OpCall& call) {
  const std::vector<int64_t> dims = call.inputs[0].dims();
  const double pairs = static_cast<double>(WidthOf(call) / 2);
  const double tokens = static_cast<double>(dims[0] * dims[1]);
  const double angle = call.attrs().Has("magnitude") ? 5 : 3;
  const double frequency = HasFrequencies(call) ? 0 : 2;
  return pairs * (6 * tokens * static_cast<double>(dims[2]) + angle * tokens + frequency);
}

}  // namespace

void RegisterRopeOps(OpRegistry& registry) {
  OpDef def;
  def.name = "rope";
  def.summary =
      "x [B, T, H, D], positions [B, T] i32, optional frequencies [W/2] f32 -> each pair of the "
      "first W of a head turned by position · frequency, else by position · theta^(-2i / W)";
  def.min_inputs = 2;
  def.max_inputs = 3;
  def.attributes = {{"theta", AttrKind::kFloat, /*required=*/false},
                    {"interleaved", AttrKind::kBool, /*required=*/false},
                    {"inverse", AttrKind::kBool, /*required=*/false},
                    {"width", AttrKind::kInt, /*required=*/false},
                    {"magnitude", AttrKind::kFloat, /*required=*/false}};
  def.infer = Infer;
  def.reference = Reference;
  def.gradient = Gradient;
  def.decompose = Decompose;
  def.flops = Flops;
  registry.Add(std::move(def));
}

}  // namespace strata::graph
