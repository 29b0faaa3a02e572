#include "compiler/pass/attention_layout.h"

#include <algorithm>
#include <utility>

#include "compiler/pass/permutation.h"
#include "framework/graph/attributes.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Builder;
using graph::Node;
using graph::Shape;
using graph::TensorType;
using graph::ValueId;

// [B, H, rows, D], or [B, H, D, rows], to [B, rows, H, D].
Permutation ToHeads(bool transposed) {
  return transposed ? Permutation{0, 3, 1, 2} : Permutation{0, 2, 1, 3};
}

// Looks through the transposes that made view->base.
void SeeThrough(const GraphUses& uses, OperandView* view) {
  while (const Node* node = uses.Maker(view->base, "transpose")) {
    view->permutation = Compose(PermutationOf(*node), view->permutation);
    view->base = node->inputs(0);
  }
  if (IsIdentity(view->permutation)) view->permutation.clear();
}

ValueId Reshaped(Builder& b, ValueId x, const Shape& dims) {
  if (dims.empty() || b.type(x).shape == dims) return x;
  return b.Apply("reshape", {x}, {{"dims", Attr(dims)}});
}

// All leading dims as one; nullopt where that is no single size.
std::optional<graph::Size> Leading(const Shape& shape) {
  if (shape.size() == 3) return shape[0];
  int64_t product = 1;
  for (size_t d = 0; d + 2 < shape.size(); ++d) {
    if (shape[d].is_symbol()) return std::nullopt;
    product *= shape[d].size();
  }
  return graph::Size(product);
}

}  // namespace

ValueId OperandView::Grow(Builder& builder, ValueId resolved) const {
  ValueId x = Reshaped(builder, resolved, before);
  if (moves()) x = builder.Apply("transpose", {x}, {{"permutation", Attr(permutation)}});
  return Reshaped(builder, x, after);
}

std::optional<AttentionLayout> AttentionLayout::Choose(const GraphUses& uses,
                                                       const AttentionMatch& match) {
  AttentionLayout layout(uses, match);
  const TensorType q = uses.type(match.q.value);
  layout.FindHeads();
  const bool can_heads = layout.bh_.has_value(), can_flat = Leading(q.shape).has_value();
  if (!can_heads && !can_flat) return std::nullopt;
  const bool apart = match.q.value != match.k.value && match.q.value != match.v.value;
  if (can_heads && apart && !match.has_backward()) {
    OperandView k, v;
    graph::Size k_heads(0), v_heads(0);
    layout.grouped_ = layout.StripGroups(match.k, &k, &k_heads) &&
                      layout.StripGroups(match.v, &v, &v_heads) && k_heads == v_heads &&
                      uses.type(match.k.value).concrete();
  }
  layout.heads_ =
      can_heads && (!can_flat || layout.grouped_ || layout.HeadsBytes() <= layout.FlatBytes());
  if (!layout.heads_) layout.grouped_ = false;
  return layout;
}

double AttentionLayout::Bytes(ValueId value) const {
  const TensorType type = uses_.type(value);
  return type.concrete() ? static_cast<double>(type.size_bytes()) : 1.0;
}

// [B, H]: the leading dims of rank 4; of rank 3 what a reshape has just joined.
void AttentionLayout::FindHeads() {
  for (const AttentionOperand& operand : {match_.q, match_.k, match_.v}) {
    const Shape shape = uses_.type(operand.value).shape;
    if (shape.size() == 4) {
      bh_ = Shape{shape[0], shape[1]};
      return;
    }
    const Node* join = shape.size() == 3 ? uses_.Maker(operand.value, "reshape") : nullptr;
    if (join == nullptr) continue;
    const Shape from = uses_.type(join->inputs(0)).shape;
    if (from.size() == 4 && from[2] == shape[1] && from[3] == shape[2]) {
      bh_ = Shape{from[0], from[1]};
      return;
    }
  }
}

// Heads repeated by reshape(broadcast_to(x)), x [B, KV, 1, rows, D]: the view takes x instead.
bool AttentionLayout::StripGroups(const AttentionOperand& operand, OperandView* view,
                                  graph::Size* heads) const {
  const Node* join = uses_.Maker(operand.value, "reshape");
  const Node* repeat = join == nullptr ? nullptr : uses_.Maker(join->inputs(0), "broadcast_to");
  if (repeat == nullptr) return false;
  const Shape all = uses_.type(operand.value).shape, spread = uses_.type(join->inputs(0)).shape,
              few = uses_.type(repeat->inputs(0)).shape;
  if (all.size() != 4 || spread.size() != 5 || few.size() != 5) return false;
  const bool repeats = few[0] == spread[0] && few[1] == spread[1] && few[2] == graph::Size(1) &&
                       few[3] == spread[3] && few[4] == spread[4];
  if (!repeats || !(spread[0] == all[0] && spread[3] == all[2] && spread[4] == all[3]))
    return false;
  *heads = few[1];
  view->base = repeat->inputs(0);
  view->before = {few[0], few[1], few[3], few[4]};
  view->permutation = ToHeads(operand.transposed);
  const Node* split = uses_.Maker(view->base, "reshape");
  if (split != nullptr && uses_.type(split->inputs(0)).shape == view->before) {
    view->base = split->inputs(0);
    view->before.clear();
    SeeThrough(uses_, view);
  }
  return true;
}

OperandView AttentionLayout::HeadsView(const AttentionOperand& operand) const {
  OperandView view{operand.value, {}, ToHeads(operand.transposed), {}};
  const Shape shape = uses_.type(operand.value).shape;
  if (shape.size() == 3) {
    const Shape split = {(*bh_)[0], (*bh_)[1], shape[1], shape[2]};
    const Node* join = uses_.Maker(operand.value, "reshape");
    if (join == nullptr || !(uses_.type(join->inputs(0)).shape == split)) {
      view.before = split;
      return view;
    }
    view.base = join->inputs(0);
  }
  SeeThrough(uses_, &view);
  return view;
}

OperandView AttentionLayout::FlatView(const AttentionOperand& operand) const {
  OperandView view{operand.value, {}, {}, {}};
  const Shape shape = uses_.type(operand.value).shape;
  const size_t rank = shape.size();
  if (operand.transposed) {
    view.permutation = SwapLastTwo(static_cast<int64_t>(rank));
    OperandView through = view;
    SeeThrough(uses_, &through);
    if (!through.moves()) view = through;
  }
  view.after = {*Leading(shape), shape[rank - (operand.transposed ? 1 : 2)], 1,
                shape[rank - (operand.transposed ? 2 : 1)]};
  return view;
}

OperandView AttentionLayout::View(const AttentionOperand& operand) const {
  if (!heads_) return FlatView(operand);
  OperandView view;
  const bool is_q = operand.value == match_.q.value;
  graph::Size heads(0);
  if (grouped_ && !is_q && StripGroups(operand, &view, &heads)) return view;
  return HeadsView(operand);
}

OperandView AttentionLayout::dout() const { return View({match_.dout, false}); }

OperandView AttentionLayout::FromOut() const { return FromOperand({match_.out, false}); }

OperandView AttentionLayout::FromOperand(const AttentionOperand& operand) const {
  const Shape shape = uses_.type(operand.value).shape;
  OperandView view;
  view.after = shape;
  if (heads_) {
    view.permutation = Inverse(ToHeads(operand.transposed));
    return view;
  }
  if (!operand.transposed) return view;
  view.before = shape;
  std::swap(view.before[shape.size() - 1], view.before[shape.size() - 2]);
  view.permutation = SwapLastTwo(static_cast<int64_t>(shape.size()));
  return view;
}

// Whether all that read `out` outside of the match want [B, T, H, D].
bool AttentionLayout::OutIsTransposedBack() const {
  std::vector<ValueId> values = {match_.out};
  if (uses_.type(match_.out).rank() == 3) {
    for (int reader : uses_.readers(match_.out)) {
      if (uses_.node(reader).op() != "reshape") return false;
      values.push_back(uses_.node(reader).outputs(0));
    }
    values.erase(values.begin());
  }
  for (ValueId value : values) {
    if (uses_.is_output(value)) return false;
    for (int reader : uses_.readers(value)) {
      const Node& node = uses_.node(reader);
      if (node.op() != "transpose" || PermutationOf(node) != ToHeads(false)) return false;
    }
  }
  return !values.empty();
}

double AttentionLayout::HeadsBytes() const {
  double bytes = OutIsTransposedBack() ? 0 : Bytes(match_.out);
  for (const AttentionOperand& operand : {match_.q, match_.k, match_.v}) {
    if (HeadsView(operand).moves()) bytes += Bytes(operand.value);
  }
  return bytes;
}

// With the transposes that stay because they are not undone.
double AttentionLayout::FlatBytes() const {
  double bytes = OutIsTransposedBack() ? Bytes(match_.out) : 0;
  for (const AttentionOperand& operand : {match_.q, match_.k, match_.v}) {
    const OperandView flat = FlatView(operand);
    if (flat.moves()) bytes += Bytes(operand.value);
    if (flat.base == operand.value && !HeadsView(operand).moves()) bytes += Bytes(operand.value);
  }
  return bytes;
}

}  // namespace strata::compiler
