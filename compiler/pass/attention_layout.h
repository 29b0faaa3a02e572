// How the operands of written-out attention become those of the op `attention`, with the fewest bytes moved.
//
// The op wants [B, T, H, D]. Two ways lead there from [..., T, D]: "heads" takes the leading dims as [B, H] and swaps H
// with T, which costs nothing where a transpose has just done the opposite; "flat" takes all leading dims as the batch
// of one head each, which is a view. AttentionLayout weighs the two.
#ifndef STRATA_COMPILER_PASS_ATTENTION_LAYOUT_H_
#define STRATA_COMPILER_PASS_ATTENTION_LAYOUT_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "compiler/pass/attention_match.h"
#include "compiler/pass/graph_uses.h"
#include "framework/graph/builder.h"

namespace strata::compiler {

// `base` reshaped to `before`, then transposed, then reshaped to `after`; what is empty is left out.
struct OperandView {
  graph::ValueId base = graph::kNoValue;
  graph::Shape before;
  std::vector<int64_t> permutation;
  graph::Shape after;

  bool moves() const { return !permutation.empty(); }
  // Grows the view of `base`, which the caller has resolved.
  graph::ValueId Grow(graph::Builder& builder, graph::ValueId resolved) const;
};

class AttentionLayout {
 public:
  // nullopt where neither way can be written down: dims of which the product is no symbol.
  static std::optional<AttentionLayout> Choose(const GraphUses& uses, const AttentionMatch& match);

  OperandView q() const { return View(match_.q); }
  OperandView k() const { return View(match_.k); }
  OperandView v() const { return View(match_.v); }
  OperandView dout() const;
  // From [B, T, H, D] back to `out`, and to the operands for their gradients. `base` is left open.
  OperandView FromOut() const;
  OperandView FromOperand(const AttentionOperand& operand) const;

 private:
  AttentionLayout(const GraphUses& uses, const AttentionMatch& match)
      : uses_(uses), match_(match) {}

  void FindHeads();
  bool StripGroups(const AttentionOperand& operand, OperandView* view, graph::Size* heads) const;
  OperandView View(const AttentionOperand& operand) const;
  OperandView HeadsView(const AttentionOperand& operand) const;
  OperandView FlatView(const AttentionOperand& operand) const;
  bool OutIsTransposedBack() const;
  double HeadsBytes() const;
  double FlatBytes() const;
  double Bytes(graph::ValueId value) const;

  const GraphUses& uses_;
  const AttentionMatch& match_;
  bool heads_ = false;
  bool grouped_ = false;            // k and v are read before their heads were repeated
  std::optional<graph::Shape> bh_;  // [B, H], where the graph tells
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_ATTENTION_LAYOUT_H_
