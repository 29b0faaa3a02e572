#include "compiler/pass/attention_backward.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "framework/graph/attributes.h"

namespace strata::compiler {
namespace {

using graph::AttributeReader;
using graph::kNoValue;
using graph::Node;
using graph::ValueId;

class Backward {
 public:
  Backward(const GraphUses& uses, IndexAlgebra* algebra, const AttentionForward& forward)
      : uses_(uses),
        algebra_(algebra),
        f_(forward),
        transpose_q_(AttributeReader(*forward.first).Bool("transpose_a")),
        transpose_k_(AttributeReader(*forward.first).Bool("transpose_b")),
        transpose_v_(AttributeReader(*forward.second).Bool("transpose_b")) {}

  bool Match(AttentionMatch* match) {
    const ValueId gradient = MatchSoftmax();
    if (gradient == kNoValue || !MatchValueGradient()) return false;
    const ValueId scores = FollowSteps(gradient);
    if (scores == kNoValue || !MatchProducts(scores)) return false;
    match->dout = dout_;
    match->dq = dq_;
    match->dk = dk_;
    match->dv = dv_;
    match->inner_backward.assign(nodes_.begin(), nodes_.end());
    return true;
  }

 private:
  ValueId Out(int n) const { return uses_.node(n).outputs(0); }

  // The other operand of a product of two; kNoValue when `value` is not one, or is both.
  static ValueId Other(const Node& node, ValueId value) {
    if (node.inputs_size() != 2 || node.inputs(0) == node.inputs(1)) return kNoValue;
    if (node.inputs(0) == value) return node.inputs(1);
    return node.inputs(1) == value ? node.inputs(0) : kNoValue;
  }

  bool IsMatmul(const Node& node, ValueId a, ValueId b, bool transpose_a, bool transpose_b) const {
    const AttributeReader attributes(node);
    return node.op() == "matmul" && node.inputs(0) == a && node.inputs(1) == b &&
           attributes.Bool("transpose_a") == transpose_a &&
           attributes.Bool("transpose_b") == transpose_b && !attributes.Has("output_dtype");
  }

  // aᵀ b of matrices, or a batch of them.
  bool IsLeftTransposed(const Node& node, ValueId a, ValueId b) const {
    if (IsMatmul(node, a, b, true, false)) return true;
    return node.op() == "contract_leading" && uses_.type(a).rank() == 2 && node.inputs(0) == a &&
           node.inputs(1) == b;
  }

  // p's readers but the second product; dx = p (dp - sum(dp p)). Returns dx.
  ValueId MatchSoftmax() {
    const ValueId p = f_.probabilities;
    int inner = -1, outer = -1;  // dp p, and the product with p of the difference
    for (int n : uses_.readers(p)) {
      const Node& node = uses_.node(n);
      if (&node == f_.second) continue;
      if (node.op() != "mul") {
        if (for_dv_ >= 0) return kNoValue;
        for_dv_ = n;
        continue;
      }
      const ValueId other = Other(node, p);
      if (other == kNoValue) return kNoValue;
      int& which = uses_.Maker(other, "sub") != nullptr ? outer : inner;
      if (which >= 0) return kNoValue;
      which = n;
    }
    if (inner < 0 || outer < 0) return kNoValue;
    const ValueId dp = Other(uses_.node(inner), p), difference = Other(uses_.node(outer), p);
    const Node* sub = uses_.Maker(difference);
    const Node* sum = uses_.Maker(sub->inputs(1), "reduce_sum");
    if (sub->inputs(0) != dp || sum == nullptr || sum->inputs(0) != Out(inner)) return kNoValue;
    const std::vector<int64_t> axes = AttributeReader(*sum).Ints("axes");
    const int64_t rank = uses_.type(p).rank();
    if (axes.size() != 1 || (axes[0] != rank - 1 && axes[0] != -1)) return kNoValue;
    if (!AttributeReader(*sum).Bool("keep_dims")) return kNoValue;
    const Node* product = uses_.Maker(dp, "matmul");
    if (product == nullptr) return kNoValue;
    dout_ = product->inputs(0);
    if (!IsMatmul(*product, dout_, f_.second->inputs(1), false, !transpose_v_)) return kNoValue;
    for (ValueId value : {dp, Out(inner), sub->inputs(1), difference, Out(outer)})
      nodes_.insert(uses_.maker(value));
    return Out(outer);
  }

  bool MatchValueGradient() {
    if (for_dv_ < 0) return true;  // nobody asks for dv
    const Node& node = uses_.node(for_dv_);
    const ValueId p = f_.probabilities;
    if (!IsLeftTransposed(node, transpose_v_ ? dout_ : p, transpose_v_ ? p : dout_)) return false;
    dv_ = Out(for_dv_);
    nodes_.insert(for_dv_);
    return true;
  }

  // The gradient of each step's scores, in the order in which the forward pass was walked back.
  ValueId FollowSteps(ValueId gradient) {
    for (const ScoreStep& step : f_.steps) {
      if (step.kind == ScoreStep::kAdd) continue;  // the sum's gradient is the scores'
      const std::vector<int>& readers = uses_.readers(gradient);
      if (readers.size() != 1) return kNoValue;
      const Node& node = uses_.node(readers[0]);
      const bool matches = step.kind == ScoreStep::kScale ? IsScaleGradient(step, node, gradient)
                                                          : IsSelectGradient(step, node, gradient);
      if (!matches) return kNoValue;
      nodes_.insert(readers[0]);
      gradient = Out(readers[0]);
    }
    return gradient;
  }

  bool IsScaleGradient(const ScoreStep& step, const Node& node, ValueId gradient) {
    if (node.op() != step.node->op()) return false;
    const ValueId by = Other(node, gradient);
    if (by == kNoValue || (node.op() == "div" && node.inputs(0) != gradient)) return false;
    const auto factor = algebra_->Splat(by);
    return factor.has_value() && factor == algebra_->Splat(step.node->inputs(1 - step.operand));
  }

  bool IsSelectGradient(const ScoreStep& step, const Node& node, ValueId gradient) {
    return node.op() == "select" && node.inputs(0) == step.node->inputs(0) &&
           node.inputs(step.operand) == gradient &&
           algebra_->Splat(node.inputs(3 - step.operand)) == 0.0;
  }

  // dq and dk from the scores' gradient; nothing else may read it.
  bool MatchProducts(ValueId ds) {
    const ValueId q = f_.first->inputs(0), k = f_.first->inputs(1);
    if (q == k) return false;
    for (int n : uses_.readers(ds)) {
      const Node& node = uses_.node(n);
      const bool is_dq = transpose_q_ ? IsMatmul(node, k, ds, transpose_k_, true)
                                      : IsMatmul(node, ds, k, false, !transpose_k_);
      const ValueId left = transpose_k_ ? ds : q, right = transpose_k_ ? q : ds;
      const bool is_dk = !transpose_q_  ? IsLeftTransposed(node, left, right)
                         : transpose_k_ ? IsMatmul(node, ds, q, true, true)
                                        : IsMatmul(node, q, ds, false, false);
      ValueId& gradient = is_dq ? dq_ : dk_;
      if ((!is_dq && !is_dk) || gradient != kNoValue) return false;
      gradient = Out(n);
      nodes_.insert(n);
    }
    return true;
  }

  const GraphUses& uses_;
  IndexAlgebra* algebra_;
  const AttentionForward& f_;
  bool transpose_q_, transpose_k_, transpose_v_;
  std::set<int> nodes_;
  int for_dv_ = -1;
  ValueId dout_ = kNoValue, dq_ = kNoValue, dk_ = kNoValue, dv_ = kNoValue;
};

}  // namespace

void MatchAttentionBackward(const GraphUses& uses, IndexAlgebra* algebra,
                            const AttentionForward& forward, AttentionMatch* match) {
  Backward(uses, algebra, forward).Match(match);
}

}  // namespace strata::compiler
