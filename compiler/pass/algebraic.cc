#include "compiler/pass/algebraic.h"

#include <cmath>
#include <numeric>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "compiler/pass/rewriter.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {
namespace {

using graph::AttributeReader;
using graph::Node;
using graph::TensorType;
using graph::ValueId;

// What a rule makes of a node: nothing, a value that is the result already, or another node for the
// same result.
struct Rewrite {
  std::optional<ValueId> value;
  std::optional<Node> node;
  explicit operator bool() const { return value.has_value() || node.has_value(); }
};

// One node with resolved operands, and what rules ask about it.
struct Match {
  Rewriter& rewriter;
  const Node& node;

  ValueId in(int i) const { return node.inputs(i); }
  TensorType type(int i) const { return rewriter.type(in(i)); }
  TensorType result() const { return rewriter.type(node.outputs(0)); }
  // The node that makes operand i, when it is this op.
  const Node* From(int i, absl::string_view op) const {
    const Node* maker = rewriter.Maker(in(i));
    return maker != nullptr && maker->op() == op ? maker : nullptr;
  }
  bool Is(int i, double number) const { return rewriter.Splat(in(i)) == number; }

  // The operand itself, when it has the result's type.
  Rewrite Operand(int i) const {
    if (type(i) == result()) return {in(i), std::nullopt};
    return {};
  }
  // Operand `value`, which stands for the result.
  Rewrite Value(ValueId value) const {
    if (rewriter.type(value) == result()) return {value, std::nullopt};
    return {};
  }
  // The same op or another one on other operands, with the attributes given.
  Rewrite Op(const char* op, std::vector<ValueId> inputs,
             const graph::Attributes& attributes = {}) const {
    Node changed;
    changed.set_op(op);
    changed.set_origin(node.origin());
    for (ValueId input : inputs) changed.add_inputs(input);
    *changed.mutable_outputs() = node.outputs();
    graph::SetAttributes(attributes, &changed);
    return {std::nullopt, std::move(changed)};
  }
  Rewrite SameOp(std::vector<ValueId> inputs) const {
    return Op(node.op().c_str(), inputs, GetAttributes(node));
  }
};

// Exact: only the exponent changes.
bool IsPowerOfTwo(double number) {
  int exponent = 0;
  return std::isfinite(number) && std::abs(std::frexp(number, &exponent)) == 0.5 &&
         std::abs(exponent) < 64;
}

Rewrite AddZero(const Match& m) {
  if (m.Is(1, 0.0)) return m.Operand(0);
  if (m.Is(0, 0.0)) return m.Operand(1);
  return {};
}

Rewrite AddNegation(const Match& m) {
  if (const Node* neg = m.From(1, "neg")) return m.Op("sub", {m.in(0), neg->inputs(0)});
  if (const Node* neg = m.From(0, "neg")) return m.Op("sub", {m.in(1), neg->inputs(0)});
  return {};
}

Rewrite SubtractZero(const Match& m) {
  if (m.Is(1, 0.0)) return m.Operand(0);
  return {};
}

Rewrite SubtractNegation(const Match& m) {
  if (const Node* neg = m.From(1, "neg")) return m.Op("add", {m.in(0), neg->inputs(0)});
  return {};
}

Rewrite MultiplyByOne(const Match& m) {
  if (m.Is(1, 1.0)) return m.Operand(0);
  if (m.Is(0, 1.0)) return m.Operand(1);
  return {};
}

Rewrite MultiplyByMinusOne(const Match& m) {
  if (!chips::IsFloat(m.result().dtype)) return {};
  if (m.Is(1, -1.0) && m.type(0) == m.result()) return m.Op("neg", {m.in(0)});
  if (m.Is(0, -1.0) && m.type(1) == m.result()) return m.Op("neg", {m.in(1)});
  return {};
}

// A constant goes to the right, so that other rules look there only.
Rewrite MultiplyConstantRight(const Match& m) {
  if (m.rewriter.Splat(m.in(0)).has_value() && !m.rewriter.Splat(m.in(1)).has_value()) {
    return m.Op("mul", {m.in(1), m.in(0)});
  }
  return {};
}

// (x * a) * b = x * (a * b) when a or b only moves the exponent, so that nothing is rounded twice
// or differently.
Rewrite MultiplyChain(const Match& m) {
  const Node* inner = m.From(0, "mul");
  const std::optional<double> b = m.rewriter.Splat(m.in(1));
  if (inner == nullptr || !b.has_value() || !chips::IsFloat(m.result().dtype)) return {};
  const std::optional<double> a = m.rewriter.Splat(inner->inputs(1));
  if (!a.has_value() || !(IsPowerOfTwo(*a) || IsPowerOfTwo(*b)) || *a == 0.0 || *b == 0.0)
    return {};
  const double product = *a * *b;
  if (!(std::abs(product) > 1e-4 && std::abs(product) < 1e4)) return {};  // fits every float type
  if (!(m.rewriter.type(inner->inputs(0)) == m.result())) return {};
  const ValueId x = inner->inputs(0);
  const TensorType type = m.result();
  auto made = m.rewriter.Make(m.node.origin(),
                              [&](graph::Builder& builder) -> absl::StatusOr<std::vector<ValueId>> {
                                return std::vector<ValueId>{builder.Constant(product, type.dtype)};
                              });
  if (!made.ok()) return {};
  return m.Op("mul", {x, made->front()});
}

Rewrite DivideByOne(const Match& m) {
  if (m.Is(1, 1.0)) return m.Operand(0);
  return {};
}

// Division by a power of two is exact, and so is multiplication by its inverse.
Rewrite DivideByPowerOfTwo(const Match& m) {
  const std::optional<double> b = m.rewriter.Splat(m.in(1));
  if (!b.has_value() || !IsPowerOfTwo(*b) || std::abs(std::log2(std::abs(*b))) > 12) return {};
  if (!chips::IsFloat(m.result().dtype)) return {};
  const TensorType type = m.type(1);
  const double inverse = 1.0 / *b;
  auto made = m.rewriter.Make(
      m.node.origin(), [&](graph::Builder& builder) -> absl::StatusOr<std::vector<ValueId>> {
        return std::vector<ValueId>{builder.Constant(inverse, type.dtype, type.shape)};
      });
  if (!made.ok()) return {};
  return m.Op("mul", {m.in(0), made->front()});
}

Rewrite PowerOfSmallInteger(const Match& m) {
  if (m.Is(1, 1.0)) return m.Operand(0);
  const bool squares = m.Is(1, 2.0) && m.type(0) == m.result();
  if (squares && chips::IsFloat(m.result().dtype)) return m.Op("square", {m.in(0)});
  return {};
}

Rewrite DoubleNegation(const Match& m) {
  if (const Node* inner = m.From(0, "neg")) return m.Value(inner->inputs(0));
  return {};
}

// abs, square: the sign inside does not matter.
Rewrite EvenOfNegation(const Match& m) {
  if (const Node* inner = m.From(0, "neg")) return m.SameOp({inner->inputs(0)});
  return {};
}

// abs(abs x), relu(relu x).
Rewrite Idempotent(const Match& m) {
  if (m.From(0, m.node.op()) != nullptr) return m.Operand(0);
  return {};
}

// max(x, x), min(x, x).
Rewrite ExtremeOfSame(const Match& m) {
  if (m.in(0) == m.in(1)) return m.Operand(0);
  return {};
}

Rewrite SelectOfSame(const Match& m) {
  if (m.in(1) == m.in(2)) return m.Operand(1);
  return {};
}

// reshape, broadcast_to, sum_to, cast, transpose to the type that is there already.
Rewrite ToSameType(const Match& m) { return m.Operand(0); }

Rewrite ReshapeOfReshape(const Match& m) {
  if (const Node* inner = m.From(0, "reshape")) return m.SameOp({inner->inputs(0)});
  return {};
}

Rewrite BroadcastOfBroadcast(const Match& m) {
  if (const Node* inner = m.From(0, "broadcast_to")) return m.SameOp({inner->inputs(0)});
  return {};
}

Rewrite TransposeOfTranspose(const Match& m) {
  std::vector<int64_t> outer = AttributeReader(m.node).Ints("permutation");
  if (const Node* inner = m.From(0, "transpose")) {
    const std::vector<int64_t> first = AttributeReader(*inner).Ints("permutation");
    for (int64_t& axis : outer) {
      if (axis < 0) axis += static_cast<int64_t>(outer.size());
      axis = first[static_cast<size_t>(axis)];
    }
    return m.Op("transpose", {inner->inputs(0)}, {{"permutation", graph::Attr(outer)}});
  }
  return {};
}

Rewrite IdentityTranspose(const Match& m) {
  const std::vector<int64_t> permutation = AttributeReader(m.node).Ints("permutation");
  for (size_t i = 0; i < permutation.size(); ++i) {
    if (permutation[i] != static_cast<int64_t>(i)) return {};
  }
  return m.Operand(0);
}

// Only axes of extent 1 move: the elements stay in order.
Rewrite TransposeAsReshape(const Match& m) {
  const TensorType from = m.type(0), to = m.result();
  if (!from.concrete()) return {};
  int64_t last = -1;
  for (int64_t axis : AttributeReader(m.node).Ints("permutation")) {
    if (axis < 0) axis += from.rank();
    if (from.shape[static_cast<size_t>(axis)].size() == 1) continue;
    if (axis < last) return {};
    last = axis;
  }
  return m.Op("reshape", {m.in(0)}, {{"dims", graph::Attr(to.shape)}});
}

Rewrite WholeSlice(const Match& m) {
  // The same type means the same extent, and so all of it.
  return m.Operand(0);
}

Rewrite ConcatOfOne(const Match& m) {
  if (m.node.inputs_size() == 1) return m.Operand(0);
  return {};
}

// Over no axis, or over axes of extent 1 only: the elements stay.
Rewrite ReduceOfNothing(const Match& m) {
  const TensorType from = m.type(0), to = m.result();
  if (!from.concrete() || !to.concrete() || from.elements() != to.elements() ||
      from.elements() == 0)
    return {};
  if (from == to) return m.Operand(0);
  return m.Op("reshape", {m.in(0)}, {{"dims", graph::Attr(to.shape)}});
}

using Rule = Rewrite (*)(const Match&);

// Tried in order until none fires.
const std::unordered_map<std::string, std::vector<Rule>>& Rules() {
  static const auto* rules = new std::unordered_map<std::string, std::vector<Rule>>{
      {"add", {AddZero, AddNegation}},
      {"sub", {SubtractZero, SubtractNegation}},
      {"mul", {MultiplyByOne, MultiplyByMinusOne, MultiplyConstantRight, MultiplyChain}},
      {"div", {DivideByOne, DivideByPowerOfTwo}},
      {"pow", {PowerOfSmallInteger}},
      {"neg", {DoubleNegation}},
      {"abs", {EvenOfNegation, Idempotent}},
      {"square", {EvenOfNegation}},
      {"relu", {Idempotent}},
      {"max", {ExtremeOfSame}},
      {"min", {ExtremeOfSame}},
      {"select", {SelectOfSame}},
      {"cast", {ToSameType}},
      {"reshape", {ToSameType, ReshapeOfReshape}},
      {"broadcast_to", {ToSameType, BroadcastOfBroadcast}},
      {"sum_to", {ToSameType, ReduceOfNothing}},
      {"transpose", {IdentityTranspose, TransposeOfTranspose, TransposeAsReshape}},
      {"slice", {WholeSlice}},
      {"pad", {ToSameType}},
      {"concat", {ConcatOfOne}},
      {"reduce_sum", {ReduceOfNothing}},
      {"reduce_max", {ReduceOfNothing}},
      {"reduce_mean", {ReduceOfNothing}},
  };
  return *rules;
}

Rewrite FirstRule(Rewriter& rewriter, const Node& node) {
  auto rules = Rules().find(node.op());
  if (rules == Rules().end()) return {};
  for (Rule rule : rules->second) {
    if (Rewrite rewrite = rule(Match{rewriter, node})) return rewrite;
  }
  return {};
}

// Rewrites one node as long as a rule fires.
void Simplify(Rewriter& rewriter, Node node) {
  for (uint32_t& input : *node.mutable_inputs()) input = rewriter.Resolve(input);
  while (Rewrite rewrite = FirstRule(rewriter, node)) {
    if (rewrite.value.has_value()) {
      if (graph::Node* maker = rewriter.MutableMaker(*rewrite.value))
        JoinOrigin(node.origin(), maker->mutable_origin());
      rewriter.Replace(node.outputs(0), *rewrite.value);
      return;
    }
    node = *std::move(rewrite.node);
    rewriter.MarkChanged();
  }
  rewriter.Keep(std::move(node));
}

class Algebraic : public Pass {
 public:
  absl::string_view name() const override { return "algebraic"; }
  absl::StatusOr<bool> Run(const PassContext&, graph::Graph* graph) override {
    Rewriter rewriter(graph);
    for (const Node& node : graph->nodes()) Simplify(rewriter, node);
    return rewriter.Finish(graph);
  }
};

}  // namespace

std::unique_ptr<Pass> CreateAlgebraic() { return std::make_unique<Algebraic>(); }

}  // namespace strata::compiler
