#include "compiler/pass/attention_match.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "compiler/pass/attention_backward.h"
#include "compiler/pass/index_algebra.h"
#include "framework/graph/attributes.h"

namespace strata::compiler {
namespace {

using graph::AttributeReader;
using graph::kNoValue;
using graph::Node;
using graph::Shape;
using graph::TensorType;
using graph::ValueId;

// Exp of a score that is lower by this much is 0 in every float type.
constexpr double kHidden = -1e4;

class Matcher {
 public:
  explicit Matcher(const GraphUses& uses) : uses_(uses), algebra_(uses) {}

  // The match whose second product is node n.
  std::optional<AttentionMatch> Match(int n) {
    const Node& product = uses_.node(n);
    if (product.op() != "matmul" || Flag(product, "transpose_a")) return std::nullopt;
    AttentionForward f;
    f.second = &product;
    f.probabilities = product.inputs(0);
    f.nodes = {n};
    const ValueId x = MatchSoftmax(f.probabilities, &f);
    if (x == kNoValue || !MatchChain(x, &f) || !OperandsFit(f)) return std::nullopt;
    AttentionMatch match;
    match.q = {f.first->inputs(0), Flag(*f.first, "transpose_a")};
    match.k = {f.first->inputs(1), !Flag(*f.first, "transpose_b")};
    match.v = {product.inputs(1), Flag(product, "transpose_b")};
    match.out = product.outputs(0);
    match.scale = f.scale;
    match.causal = f.causal;
    if (f.softmax_op) MatchAttentionBackward(uses_, &algebra_, f, &match);
    match.inner.assign(f.nodes.begin(), f.nodes.end());
    std::sort(match.inner.begin(), match.inner.end());
    return IsClosed(match) ? std::make_optional(std::move(match)) : std::nullopt;
  }

 private:
  static bool Flag(const Node& node, const char* name) { return AttributeReader(node).Bool(name); }

  bool IsLastAxis(const Node& reduction) const {
    const std::vector<int64_t> axes = AttributeReader(reduction).Ints("axes");
    const int64_t rank = uses_.type(reduction.inputs(0)).rank();
    return axes.size() == 1 && (axes[0] == rank - 1 || axes[0] == -1);
  }

  // A reduction of `x` over its last axis, seen through reshape and broadcast; its nodes are noted.
  bool IsRowReduction(ValueId value, const char* op, ValueId x, AttentionForward* f) const {
    const TensorType full = uses_.type(x);
    const Shape row(full.shape.begin(), full.shape.end() - 1);
    while (const Node* node = uses_.Maker(value)) {
      f->nodes.push_back(uses_.maker(value));
      if (node->op() == op) return node->inputs(0) == x && IsLastAxis(*node);
      const bool view = node->op() == "reshape" || node->op() == "broadcast_to";
      if (!view) return false;
      // One number a row, under the dims [..., 1] or spread over them.
      Shape kept = row, from = uses_.type(node->inputs(0)).shape;
      kept.push_back(1);
      if (!(from == kept) && !(node->op() == "reshape" && from == row)) return false;
      value = node->inputs(0);
    }
    return false;
  }

  // What softmax is applied to; kNoValue when p is none.
  ValueId MatchSoftmax(ValueId p, AttentionForward* f) const {
    const Node* node = uses_.Maker(p);
    if (node == nullptr) return kNoValue;
    f->nodes.push_back(uses_.maker(p));
    if (node->op() == "softmax") {
      f->softmax_op = true;
      return node->inputs(0);
    }
    if (node->op() != "div" && node->op() != "mul") return kNoValue;
    ValueId exponential = node->inputs(0);
    if (node->op() == "div") {
      if (!IsRowReduction(node->inputs(1), "reduce_sum", exponential, f)) return kNoValue;
    } else {
      int by = -1;
      for (int i : {0, 1}) {
        if (uses_.Maker(node->inputs(i), "reciprocal") != nullptr) by = i;
      }
      if (by < 0) return kNoValue;
      exponential = node->inputs(1 - by);
      f->nodes.push_back(uses_.maker(node->inputs(by)));
      const ValueId sum = uses_.Maker(node->inputs(by))->inputs(0);
      if (!IsRowReduction(sum, "reduce_sum", exponential, f)) return kNoValue;
    }
    const Node* exp = uses_.Maker(exponential, "exp");
    const Node* sub = exp == nullptr ? nullptr : uses_.Maker(exp->inputs(0), "sub");
    if (sub == nullptr || !IsRowReduction(sub->inputs(1), "reduce_max", sub->inputs(0), f))
      return kNoValue;
    f->nodes.push_back(uses_.maker(exponential));
    f->nodes.push_back(uses_.maker(exp->inputs(0)));
    return sub->inputs(0);
  }

  // From the softmax back to the first product, over scales and at most one mask.
  bool MatchChain(ValueId x, AttentionForward* f) {
    f->scale = 1;
    std::optional<Affine> visible;
    while (const Node* node = uses_.Maker(x)) {
      f->nodes.push_back(uses_.maker(x));
      if (node->op() == "matmul") {
        f->first = node;
        return std::isfinite(f->scale) && ApplyMask(visible, f);
      }
      ScoreStep step{node, -1, ScoreStep::kScale};
      std::optional<Affine> mask;
      if (!ReadScale(&step, f) && !ReadMask(&step, *f, &mask)) return false;
      const bool same = uses_.type(node->inputs(step.operand)) == uses_.type(x);
      if (!same || (mask.has_value() && visible.has_value())) return false;
      if (mask.has_value()) visible = std::move(mask);
      f->steps.push_back(step);
      x = node->inputs(step.operand);
    }
    return false;
  }

  bool ReadScale(ScoreStep* step, AttentionForward* f) {
    const Node& node = *step->node;
    if (node.op() != "mul" && node.op() != "div") return false;
    for (int i = 0; i < (node.op() == "mul" ? 2 : 1); ++i) {
      const std::optional<double> factor = algebra_.Splat(node.inputs(1 - i));
      if (!factor.has_value()) continue;
      step->operand = i;
      step->kind = ScoreStep::kScale;
      f->scale *= node.op() == "mul" ? *factor : 1 / *factor;
      return true;
    }
    return false;
  }

  // `visible`: the condition (<= 0) under which a score stays as it is.
  bool ReadMask(ScoreStep* step, const AttentionForward& f, std::optional<Affine>* visible) {
    const Node& node = *step->node;
    if (node.op() == "select") {
      IndexValue condition = algebra_.Of(node.inputs(0));
      if (condition.is_constant()) {  // all or nothing
        condition = {
            IndexValue::Kind::kChoice, {condition.affine.constant != 0 ? 0.0 : 1.0, {}}, 1, 0};
      }
      if (condition.kind != IndexValue::Kind::kChoice || condition.yes == condition.no)
        return false;
      for (int i : {1, 2}) {
        const std::optional<double> hidden = algebra_.Splat(node.inputs(3 - i));
        if (!hidden.has_value() || !(*hidden * f.scale <= kHidden)) continue;
        step->operand = i;
        step->kind = ScoreStep::kSelect;
        const bool kept_by_yes = (condition.yes != 0) == (i == 1);
        *visible = kept_by_yes ? condition.affine : Not(condition.affine);
        return true;
      }
      return false;
    }
    if (node.op() != "add" && node.op() != "sub") return false;
    const double sign = node.op() == "add" ? 1 : -1;
    for (int i = 0; i < (node.op() == "add" ? 2 : 1); ++i) {
      const IndexValue& mask = algebra_.Of(node.inputs(1 - i));
      if (mask.kind != IndexValue::Kind::kChoice) continue;
      step->operand = i;
      step->kind = ScoreStep::kAdd;
      if (mask.yes == 0 && mask.no * sign * f.scale <= kHidden) {
        *visible = mask.affine;
        return true;
      }
      if (mask.no == 0 && mask.yes * sign * f.scale <= kHidden) {
        *visible = Not(mask.affine);
        return true;
      }
    }
    return false;
  }

  bool ApplyMask(const std::optional<Affine>& visible, AttentionForward* f) const {
    if (!visible.has_value()) return true;
    const Shape scores = uses_.type(f->first->outputs(0)).shape;
    const MaskKind kind =
        ClassifyMask(*visible, scores[scores.size() - 2], scores[scores.size() - 1]);
    f->causal = kind == MaskKind::kCausal;
    return kind != MaskKind::kOther;
  }

  // One float type, one rank, equal leading dims, one head width.
  bool OperandsFit(const AttentionForward& f) const {
    const TensorType q = uses_.type(f.first->inputs(0)), k = uses_.type(f.first->inputs(1)),
                     v = uses_.type(f.second->inputs(1)), out = uses_.type(f.second->outputs(0));
    for (const TensorType& type : {q, k, v, uses_.type(f.first->outputs(0)), out}) {
      if (type.dtype != chips::F32) return false;
    }
    if (q.rank() != k.rank() || q.rank() != v.rank()) return false;
    if (!std::equal(q.shape.begin(), q.shape.end() - 2, k.shape.begin()) ||
        !std::equal(q.shape.begin(), q.shape.end() - 2, v.shape.begin())) {
      return false;
    }
    const size_t last = q.shape.size() - 1;
    const graph::Size& width = q.shape[Flag(*f.first, "transpose_a") ? last - 1 : last];
    return out.shape[last] == width;
  }

  // Only `out` and the operands' gradients are read from outside.
  bool IsClosed(const AttentionMatch& match) const {
    std::set<int> inside(match.inner.begin(), match.inner.end());
    inside.insert(match.inner_backward.begin(), match.inner_backward.end());
    for (ValueId operand : {match.q.value, match.k.value, match.v.value, match.dout}) {
      if (operand != kNoValue && inside.count(uses_.maker(operand)) > 0) return false;
    }
    const std::set<ValueId> open = {match.out, match.dq, match.dk, match.dv};
    for (int n : inside) {
      for (ValueId value : uses_.node(n).outputs()) {
        if (open.count(value) > 0) continue;
        if (uses_.is_output(value)) return false;
        for (int reader : uses_.readers(value)) {
          if (inside.count(reader) == 0) return false;
        }
      }
    }
    return true;
  }

  const GraphUses& uses_;
  IndexAlgebra algebra_;
};

}  // namespace

std::vector<AttentionMatch> FindAttention(const GraphUses& uses) {
  std::vector<AttentionMatch> matches;
  std::set<int> taken;
  Matcher matcher(uses);
  for (int n = 0; n < uses.graph().nodes_size(); ++n) {
    std::optional<AttentionMatch> match = matcher.Match(n);
    if (!match.has_value()) continue;
    std::vector<int> nodes = match->inner;
    nodes.insert(nodes.end(), match->inner_backward.begin(), match->inner_backward.end());
    if (std::any_of(nodes.begin(), nodes.end(), [&](int i) { return taken.count(i) > 0; }))
      continue;
    taken.insert(nodes.begin(), nodes.end());
    matches.push_back(*std::move(match));
  }
  return matches;
}

}  // namespace strata::compiler
