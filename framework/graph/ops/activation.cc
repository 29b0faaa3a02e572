// gelu: x Φ(x) with Φ the normal distribution function, exact by erf or approximated by tanh
// (GPT-2's). silu: x sigmoid(x).
#include <cmath>

#include "framework/graph/ops/checks.h"
#include "framework/graph/ops/emit.h"
#include "framework/graph/ops/families.h"

namespace strata::graph {
namespace {

constexpr double kSqrtHalf = 0.70710678118654752440;
constexpr double kSqrtTwoOverPi = 0.79788456080286535588;
constexpr double kInverseSqrtTwoPi = 0.39894228040143267794;
constexpr double kCubic = 0.044715;

absl::StatusOr<std::vector<TensorType>> Infer(const OpCall& call) {
  STRATA_RETURN_IF_ERROR(CheckFloat(call.inputs[0], "x"));
  return std::vector<TensorType>{call.inputs[0]};
}

using Function = double (*)(double);

double GeluTanh(double x) {
  return 0.5 * x * (1 + std::tanh(kSqrtTwoOverPi * (x + kCubic * x * x * x)));
}
double GeluExact(double x) { return 0.5 * x * std::erfc(-x * kSqrtHalf); }
double Silu(double x) { return x / (1 + std::exp(-x)); }

absl::Status Map(Function f, const HostTensor& input, HostTensor* output) {
  std::vector<double> x = input.ToDoubles();
  for (double& value : x) value = f(value);
  output->SetFromDoubles(x);
  return absl::OkStatus();
}

bool IsTanhForm(const OpCall& call) { return call.attrs().Bool("approximate"); }

// Shared by forward and backward: (1 + tanh(u)) / 2 = sigmoid(2 u), u = sqrt(2/pi) (x + 0.044715 x³),
// written with x² so that both have it. The sigmoid has no cancellation where tanh nears -1.
ValueId EmitTanhGate(Emit& e, ValueId x) {
  const ValueId polynomial =
      e.Add(e.Mul(e.Unary("square", x), 2 * kSqrtTwoOverPi * kCubic), 2 * kSqrtTwoOverPi);
  return e.Unary("sigmoid", e.Mul(x, polynomial));
}

// Shared by forward and backward: Φ(x).
ValueId EmitNormalDistribution(Emit& e, ValueId x) {
  return e.Mul(e.Add(e.Unary("erf", e.Mul(x, kSqrtHalf)), 1.0), 0.5);
}

absl::StatusOr<std::vector<ValueId>> DecomposeGelu(Builder& builder, const OpCall& call,
                                                   absl::Span<const ValueId> inputs) {
  const DType dtype = call.inputs[0].dtype;
  Emit e(builder, StatisticsType(dtype));
  const ValueId x = e.Cast(inputs[0]);
  const ValueId y = e.Mul(x, IsTanhForm(call) ? EmitTanhGate(e, x) : EmitNormalDistribution(e, x));
  return std::vector<ValueId>{e.Cast(y, dtype)};
}

// With s = sigmoid(2 u(x)):  dy/dx = s + x s (1 - s) 2 u'(x),  u' = sqrt(2/pi) (1 + 3 · 0.044715 x²).
ValueId EmitGeluTanhSlope(Emit& e, ValueId x) {
  const ValueId s = EmitTanhGate(e, x);
  const ValueId slope =
      e.Add(e.Mul(e.Unary("square", x), 6 * kSqrtTwoOverPi * kCubic), 2 * kSqrtTwoOverPi);
  const ValueId inner = e.Mul(e.Mul(x, slope), e.Sub(1.0, s));
  return e.Mul(e.Add(inner, 1.0), s);
}

// dy/dx = Φ(x) + x φ(x),  φ(x) = exp(-x²/2) / sqrt(2 pi).
ValueId EmitGeluExactSlope(Emit& e, ValueId x) {
  const ValueId density =
      e.Mul(e.Unary("exp", e.Mul(e.Unary("square", x), -0.5)), kInverseSqrtTwoPi);
  return e.Add(EmitNormalDistribution(e, x), e.Mul(x, density));
}

absl::StatusOr<std::vector<ValueId>> GeluGradient(GradientContext& context) {
  const DType dtype = context.call.inputs[0].dtype;
  Emit e(context.builder, StatisticsType(dtype));
  const ValueId x = e.Cast(context.inputs[0]);
  const ValueId slope =
      IsTanhForm(context.call) ? EmitGeluTanhSlope(e, x) : EmitGeluExactSlope(e, x);
  const ValueId dx = e.Mul(e.Cast(context.output_gradients[0]), slope);
  return std::vector<ValueId>{e.Cast(dx, dtype)};
}

absl::StatusOr<std::vector<ValueId>> DecomposeSilu(Builder& builder, const OpCall& call,
                                                   absl::Span<const ValueId> inputs) {
  const DType dtype = call.inputs[0].dtype;
  Emit e(builder, StatisticsType(dtype));
  const ValueId x = e.Cast(inputs[0]);
  return std::vector<ValueId>{e.Cast(e.Mul(x, e.Unary("sigmoid", x)), dtype)};
}

// dy/dx = s (1 + x (1 - s)),  s = sigmoid(x).
absl::StatusOr<std::vector<ValueId>> SiluGradient(GradientContext& context) {
  const DType dtype = context.call.inputs[0].dtype;
  Emit e(context.builder, StatisticsType(dtype));
  const ValueId x = e.Cast(context.inputs[0]);
  const ValueId s = e.Unary("sigmoid", x);
  const ValueId slope = e.Mul(s, e.Add(e.Mul(x, e.Sub(1.0, s)), 1.0));
  return std::vector<ValueId>{e.Cast(e.Mul(e.Cast(context.output_gradients[0]), slope), dtype)};
}

OpDef Define(const char* name, const char* summary) {
  OpDef def;
  def.name = name;
  def.summary = summary;
  def.op_class = OpClass::kElementwise;
  def.min_inputs = def.max_inputs = 1;
  def.infer = Infer;
  return def;
}

OpDef DefineGelu() {
  OpDef def =
      Define("gelu", "x -> x Φ(x); approximate: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x³)))");
  def.attributes = {{"approximate", AttrKind::kBool}};
  def.reference = [](const OpCall& call, absl::Span<const HostTensor> inputs,
                     absl::Span<HostTensor> outputs) {
    return Map(IsTanhForm(call) ? GeluTanh : GeluExact, inputs[0], &outputs[0]);
  };
  def.gradient = GeluGradient;
  def.decompose = DecomposeGelu;
  // tanh form: square, multiply, add, multiply, sigmoid, multiply; exact: multiply, erf, add, two
  // multiplies.
  def.flops = [](const OpCall& call) {
    return (IsTanhForm(call) ? 6.0 : 5.0) * static_cast<double>(call.inputs[0].elements());
  };
  return def;
}

OpDef DefineSilu() {
  OpDef def = Define("silu", "x -> x sigmoid(x)");
  def.reference = [](const OpCall&, absl::Span<const HostTensor> inputs,
                     absl::Span<HostTensor> outputs) { return Map(Silu, inputs[0], &outputs[0]); };
  def.gradient = SiluGradient;
  def.decompose = DecomposeSilu;
  def.flops = [](const OpCall& call) {
    return 2.0 * static_cast<double>(call.inputs[0].elements());
  };
  return def;
}

}  // namespace

void RegisterActivationOps(OpRegistry& registry) {
  registry.Add(DefineGelu());
  registry.Add(DefineSilu());
}

}  // namespace strata::graph
