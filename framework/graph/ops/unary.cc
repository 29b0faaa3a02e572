// Elementwise ops of one operand: one table row each.
#include <cmath>

#include "framework/graph/ops/families.h"
#include "framework/graph/ops/op_util.h"

namespace strata::graph {
namespace {

// dx from x, y = f(x) and dy.
using UnaryGradient = ValueId (*)(Builder& b, ValueId x, ValueId y, ValueId dy);

struct UnaryRow {
  const char* name;
  const char* summary;
  double (*value)(double x);
  UnaryGradient gradient;
};

ValueId Mul(Builder& b, ValueId x, ValueId y) { return b.Apply("mul", {x, y}); }
ValueId Neg(Builder& b, ValueId x) { return b.Apply("neg", {x}); }
ValueId Scale(Builder& b, ValueId x, double factor) {
  return Mul(b, x, b.Constant(factor, b.type(x).dtype));
}
ValueId OneMinus(Builder& b, ValueId x) {
  return b.Apply("sub", {b.Constant(1.0, b.type(x).dtype), x});
}
ValueId Zero(Builder& b, ValueId like) { return b.Constant(0.0, b.type(like).dtype); }

const UnaryRow kRows[] = {
    {"neg", "-x", [](double x) { return -x; },
     [](Builder& b, ValueId, ValueId, ValueId dy) { return Neg(b, dy); }},
    {"exp", "e^x", [](double x) { return std::exp(x); },
     [](Builder& b, ValueId, ValueId y, ValueId dy) { return Mul(b, dy, y); }},
    {"log", "natural logarithm", [](double x) { return std::log(x); },
     [](Builder& b, ValueId x, ValueId, ValueId dy) {
       return b.Apply("div", {dy, x});
     }},
    {"sqrt", "square root", [](double x) { return std::sqrt(x); },
     [](Builder& b, ValueId, ValueId y, ValueId dy) {
       return b.Apply("div", {Scale(b, dy, 0.5), y});
     }},
    {"rsqrt", "1 / sqrt(x)", [](double x) { return 1.0 / std::sqrt(x); },
     // y' = -1/2 x^(-3/2) = -1/2 y^3
     [](Builder& b, ValueId, ValueId y, ValueId dy) {
       return Mul(b, Scale(b, dy, -0.5), Mul(b, y, b.Apply("square", {y})));
     }},
    {"tanh", "hyperbolic tangent", [](double x) { return std::tanh(x); },
     [](Builder& b, ValueId, ValueId y, ValueId dy) {
       return Mul(b, dy, OneMinus(b, b.Apply("square", {y})));
     }},
    {"sigmoid", "1 / (1 + e^-x)", [](double x) { return 1.0 / (1.0 + std::exp(-x)); },
     [](Builder& b, ValueId, ValueId y, ValueId dy) {
       return Mul(b, dy, Mul(b, y, OneMinus(b, y)));
     }},
    {"relu", "max(x, 0)", [](double x) { return x < 0 ? 0.0 : x; },
     [](Builder& b, ValueId x, ValueId, ValueId dy) {
       return b.Apply("select", {b.Apply("less", {Zero(b, x), x}), dy, Zero(b, dy)});
     }},
    {"erf", "error function", [](double x) { return std::erf(x); },
     // y' = 2/sqrt(pi) e^(-x^2)
     [](Builder& b, ValueId x, ValueId, ValueId dy) {
       return Mul(b, Scale(b, dy, M_2_SQRTPI), b.Apply("exp", {Neg(b, b.Apply("square", {x}))}));
     }},
    {"abs", "|x|", [](double x) { return std::fabs(x); },
     // The sign of x, and 0 at 0.
     [](Builder& b, ValueId x, ValueId, ValueId dy) {
       const ValueId zero = Zero(b, x);
       const ValueId positive = b.Apply("select", {b.Apply("less", {zero, x}), dy, Zero(b, dy)});
       return b.Apply("select", {b.Apply("less", {x, zero}), Neg(b, dy), positive});
     }},
    {"sin", "sine of radians", [](double x) { return std::sin(x); },
     [](Builder& b, ValueId x, ValueId, ValueId dy) { return Mul(b, dy, b.Apply("cos", {x})); }},
    {"cos", "cosine of radians", [](double x) { return std::cos(x); },
     [](Builder& b, ValueId x, ValueId, ValueId dy) {
       return Neg(b, Mul(b, dy, b.Apply("sin", {x})));
     }},
    {"reciprocal", "1 / x", [](double x) { return 1.0 / x; },
     [](Builder& b, ValueId, ValueId y, ValueId dy) {
       return Neg(b, Mul(b, dy, b.Apply("square", {y})));
     }},
    {"square", "x * x", [](double x) { return x * x; },
     [](Builder& b, ValueId x, ValueId, ValueId dy) { return Mul(b, dy, Scale(b, x, 2.0)); }},
};

}  // namespace

void RegisterUnaryOps(OpRegistry& registry) {
  for (const UnaryRow& row : kRows) {
    OpDef def;
    def.name = row.name;
    def.summary = row.summary;
    def.op_class = OpClass::kElementwise;
    def.min_inputs = def.max_inputs = 1;
    def.infer = InferSameFloat;
    def.reference = [f = row.value](const OpCall&, absl::Span<const HostTensor> in,
                                    absl::Span<HostTensor> out) {
      std::vector<double> values = in[0].ToDoubles();
      for (double& value : values) value = f(value);
      out[0].SetFromDoubles(values);
      return absl::OkStatus();
    };
    def.gradient = [g = row.gradient](GradientContext& c) -> ValuesOr {
      return std::vector<ValueId>{g(c.builder, c.inputs[0], c.outputs[0], c.output_gradients[0])};
    };
    registry.Add(std::move(def));
  }
}

}  // namespace strata::graph
