// adamw: Adam with decoupled weight decay (Loshchilov and Hutter 2019), in the order of operations
// of PyTorch's AdamW.
//   m' = beta1 m + (1 - beta1) g        m^ = m' / (1 - beta1^step)
//   v' = beta2 v + (1 - beta2) g²       v^ = v' / (1 - beta2^step)
//   p' = p (1 - lr weight_decay) - lr m^ / (sqrt(v^) + epsilon)
#include <cmath>

#include "framework/graph/ops/checks.h"
#include "framework/graph/ops/emit.h"
#include "framework/graph/ops/families.h"

namespace strata::graph {
namespace {

struct Hyper {
  explicit Hyper(const OpCall& call)
      : beta1(call.attrs().Float("beta1")),
        beta2(call.attrs().Float("beta2")),
        epsilon(call.attrs().Float("epsilon")),
        weight_decay(call.attrs().Float("weight_decay")) {}
  double beta1, beta2, epsilon, weight_decay;
};

absl::Status CheckHyper(const Hyper& hyper) {
  for (double beta : {hyper.beta1, hyper.beta2}) {
    if (beta >= 0 && beta < 1) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(beta == hyper.beta1 ? "beta1" : "beta2", ": ", beta, " is outside [0, 1)"));
  }
  if (!(hyper.epsilon >= 0)) return absl::InvalidArgumentError("epsilon: is negative");
  if (!(hyper.weight_decay >= 0)) return absl::InvalidArgumentError("weight_decay: is negative");
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TensorType>> Infer(const OpCall& call) {
  constexpr const char* kNames[] = {"param", "grad", "m", "v", "lr", "step"};
  const TensorType& param = call.inputs[0];
  if (param.dtype != chips::F32 && param.dtype != chips::F64) {
    return absl::InvalidArgumentError(absl::StrCat(
        "param: is ", param.ToString(), "; must be f32 or f64 (keep the master copy in f32)"));
  }
  for (size_t i = 1; i < call.inputs.size(); ++i) {
    STRATA_RETURN_IF_ERROR(CheckDType(call.inputs[i], kNames[i], param.dtype));
    STRATA_RETURN_IF_ERROR(CheckShape(call.inputs[i], kNames[i], i < 4 ? param.shape : Shape{}));
  }
  STRATA_RETURN_IF_ERROR(CheckHyper(Hyper(call)));
  return std::vector<TensorType>(3, param);
}

absl::Status Reference(const OpCall& call, absl::Span<const HostTensor> inputs,
                       absl::Span<HostTensor> outputs) {
  const Hyper hyper(call);
  std::vector<double> p = inputs[0].ToDoubles(), m = inputs[2].ToDoubles(),
                      v = inputs[3].ToDoubles();
  const std::vector<double> g = inputs[1].ToDoubles();
  const double lr = inputs[4].ToDoubles()[0], step = inputs[5].ToDoubles()[0];
  const double correction1 = 1 - std::pow(hyper.beta1, step);
  const double correction2 = 1 - std::pow(hyper.beta2, step);
  for (size_t i = 0; i < p.size(); ++i) {
    m[i] = hyper.beta1 * m[i] + (1 - hyper.beta1) * g[i];
    v[i] = hyper.beta2 * v[i] + (1 - hyper.beta2) * g[i] * g[i];
    p[i] *= 1 - lr * hyper.weight_decay;
    p[i] -= lr * (m[i] / correction1) / (std::sqrt(v[i] / correction2) + hyper.epsilon);
  }
  outputs[0].SetFromDoubles(p);
  outputs[1].SetFromDoubles(m);
  outputs[2].SetFromDoubles(v);
  return absl::OkStatus();
}

// 1 / (1 - beta^step), a scalar that all parameters share.
ValueId EmitCorrection(Builder& builder, Emit& e, double beta, ValueId step) {
  const ValueId power = builder.Apply("pow", {e.Scalar(beta), step});
  return e.Unary("reciprocal", e.Sub(1.0, power));
}

absl::StatusOr<std::vector<ValueId>> Decompose(Builder& builder, const OpCall& call,
                                               absl::Span<const ValueId> inputs) {
  const Hyper hyper(call);
  Emit e(builder, call.inputs[0].dtype);
  const ValueId param = inputs[0], grad = inputs[1], lr = inputs[4], step = inputs[5];
  // Scalars.
  const ValueId rate = e.Mul(lr, EmitCorrection(builder, e, hyper.beta1, step));
  const ValueId spread = e.Unary("sqrt", EmitCorrection(builder, e, hyper.beta2, step));
  const ValueId keep = e.Sub(1.0, e.Mul(lr, hyper.weight_decay));
  // Elements.
  const ValueId m = e.Add(e.Mul(inputs[2], hyper.beta1), e.Mul(grad, 1 - hyper.beta1));
  const ValueId v =
      e.Add(e.Mul(inputs[3], hyper.beta2), e.Mul(e.Unary("square", grad), 1 - hyper.beta2));
  const ValueId denominator = e.Add(e.Mul(e.Unary("sqrt", v), spread), hyper.epsilon);
  const ValueId update = e.Div(e.Mul(m, rate), denominator);
  const ValueId decayed = hyper.weight_decay == 0 ? param : e.Mul(param, keep);
  return std::vector<ValueId>{e.Sub(decayed, update), m, v};
}

}  // namespace

void RegisterAdamwOps(OpRegistry& registry) {
  OpDef def;
  def.name = "adamw";
  def.summary =
      "param, grad, m, v, lr [], step [] (counts from 1) -> param, m, v after one step of AdamW";
  def.op_class = OpClass::kElementwise;
  def.min_inputs = def.max_inputs = 6;
  def.attributes = {{"beta1", AttrKind::kFloat},
                    {"beta2", AttrKind::kFloat},
                    {"epsilon", AttrKind::kFloat},
                    {"weight_decay", AttrKind::kFloat}};
  def.infer = Infer;
  def.reference = Reference;
  def.decompose = Decompose;
  // An element: m 3, v 4, denominator 3, update 2, decay 1, subtract 1. Scalars: two corrections of
  // 3, a multiply, a square root, and two for the decay.
  def.flops = [](const OpCall& call) {
    return 14 * static_cast<double>(call.inputs[0].elements()) + 10;
  };
  registry.Add(std::move(def));
}

}  // namespace strata::graph
