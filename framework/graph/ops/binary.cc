// Elementwise ops of two operands of one dtype, with broadcasting: one table row each.
#include <cmath>

#include "framework/graph/ops/families.h"
#include "framework/graph/ops/index.h"
#include "framework/graph/ops/op_util.h"

namespace strata::graph {
namespace {

// Operands, result and its gradient, while da or db is built. The caller sums to the operand's
// shape.
struct BinaryValues {
  ValueId a, b, y, dy;
};
using BinaryGradient = ValueId (*)(Builder& g, const BinaryValues& v);

struct BinaryRow {
  const char* name;
  const char* summary;
  double (*value)(double a, double b);
  BinaryGradient da, db;
};

ValueId Mul(Builder& g, ValueId x, ValueId y) { return g.Apply("mul", {x, y}); }
ValueId Zero(Builder& g, ValueId like) { return g.Constant(0.0, g.type(like).dtype); }
ValueId IfLessEqual(Builder& g, ValueId x, ValueId y, ValueId then, ValueId otherwise) {
  return g.Apply("select", {g.Apply("less_equal", {x, y}), then, otherwise});
}

ValueId Same(Builder&, const BinaryValues& v) { return v.dy; }

// The larger (or smaller) operand gets all; a does when they are equal.
ValueId MaxA(Builder& g, const BinaryValues& v) {
  return IfLessEqual(g, v.b, v.a, v.dy, Zero(g, v.dy));
}
ValueId MaxB(Builder& g, const BinaryValues& v) {
  return IfLessEqual(g, v.b, v.a, Zero(g, v.dy), v.dy);
}
ValueId MinA(Builder& g, const BinaryValues& v) {
  return IfLessEqual(g, v.a, v.b, v.dy, Zero(g, v.dy));
}
ValueId MinB(Builder& g, const BinaryValues& v) {
  return IfLessEqual(g, v.a, v.b, Zero(g, v.dy), v.dy);
}

// d a^b / da = b a^(b-1);  d a^b / db = a^b ln a, and 0 where a <= 0, as there the power has no
// slope in b.
ValueId PowA(Builder& g, const BinaryValues& v) {
  const ValueId less = g.Apply("sub", {v.b, g.Constant(1.0, g.type(v.b).dtype)});
  return Mul(g, v.dy, Mul(g, v.b, g.Apply("pow", {v.a, less})));
}
ValueId PowB(Builder& g, const BinaryValues& v) {
  const ValueId zero = Zero(g, v.a);
  const ValueId log = IfLessEqual(g, v.a, zero, zero, g.Apply("log", {v.a}));
  return Mul(g, v.dy, Mul(g, v.y, log));
}

// A NaN operand makes the result NaN: a loss that went wrong must not hide behind a maximum.
double Max(double a, double b) { return a > b || std::isnan(a) ? a : b; }
double Min(double a, double b) { return a < b || std::isnan(a) ? a : b; }

const BinaryRow kRows[] = {
    {"add", "a + b", [](double a, double b) { return a + b; }, Same, Same},
    {"sub", "a - b", [](double a, double b) { return a - b; }, Same,
     [](Builder& g, const BinaryValues& v) { return g.Apply("neg", {v.dy}); }},
    {"mul", "a * b", [](double a, double b) { return a * b; },
     [](Builder& g, const BinaryValues& v) { return Mul(g, v.dy, v.b); },
     [](Builder& g, const BinaryValues& v) { return Mul(g, v.dy, v.a); }},
    {"div", "a / b; integers truncate", [](double a, double b) { return a / b; },
     [](Builder& g, const BinaryValues& v) {
       return g.Apply("div", {v.dy, v.b});
     },
     [](Builder& g, const BinaryValues& v) {
       return g.Apply("neg", {Mul(g, v.dy, g.Apply("div", {v.y, v.b}))});
     }},
    {"max", "the larger of a and b; NaN if one is", Max, MaxA, MaxB},
    {"min", "the smaller of a and b; NaN if one is", Min, MinA, MinB},
    {"pow", "a to the power b", [](double a, double b) { return std::pow(a, b); }, PowA, PowB},
};

TypesOr Infer(const OpCall& call) {
  STRATA_RETURN_IF_ERROR(CheckNumber(call, 0));
  STRATA_RETURN_IF_ERROR(CheckSameDType(call, 1, 0));
  STRATA_ASSIGN_OR_RETURN(Shape shape, BroadcastInputs(call, 0));
  return std::vector<TensorType>{{call.inputs[0].dtype, std::move(shape)}};
}

}  // namespace

void RegisterBinaryOps(OpRegistry& registry) {
  for (const BinaryRow& row : kRows) {
    OpDef def;
    def.name = row.name;
    def.summary = row.summary;
    def.op_class = OpClass::kElementwise;
    def.min_inputs = def.max_inputs = 2;
    def.infer = Infer;
    def.reference = [f = row.value, divides = def.name == "div"](
                        const OpCall& call, absl::Span<const HostTensor> in,
                        absl::Span<HostTensor> out) -> absl::Status {
      const std::vector<double> a = in[0].ToDoubles(), b = in[1].ToDoubles();
      std::vector<double> y(static_cast<size_t>(out[0].elements()));
      for (Index at(out[0].dims()); at.more(); at.Next()) {
        const double divisor = b[BroadcastOffset(at.index(), in[1].dims())];
        if (divides && divisor == 0 && !chips::IsFloat(call.inputs[1].dtype)) {
          return absl::InvalidArgumentError("integer division by zero");
        }
        y[at.offset()] = f(a[BroadcastOffset(at.index(), in[0].dims())], divisor);
      }
      out[0].SetFromDoubles(y);
      return absl::OkStatus();
    };
    def.gradient = [da = row.da, db = row.db](GradientContext& c) -> ValuesOr {
      const BinaryValues v{c.inputs[0], c.inputs[1], c.outputs[0], c.output_gradients[0]};
      std::vector<ValueId> gradients(2, kNoValue);
      if (c.needs[0]) gradients[0] = SumTo(c.builder, da(c.builder, v), c.call.inputs[0].shape);
      if (c.needs[1]) gradients[1] = SumTo(c.builder, db(c.builder, v), c.call.inputs[1].shape);
      return gradients;
    };
    registry.Add(std::move(def));
  }
}

}  // namespace strata::graph
