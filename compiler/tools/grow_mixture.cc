// Mixtures of experts: tokens routed to slots, products of groups, and back.
#include "compiler/tools/grow_ops.h"

namespace strata::compiler {

using graph::Attr;
using graph::Attributes;
using graph::Shape;
using graph::ValueId;

// A router makes the ids, so that all experts and slots are there.
void GrowMixture(ProgramMaker& m) {
  const chips::DType dtype = m.OneIn(3) ? chips::BF16 : chips::F32;
  const int64_t groups = 1 + m.Below(2), tokens = 1 + m.Below(9), width = m.Size();
  const int64_t experts = 1 + m.Below(5), chosen = 1 + m.Below(experts);
  const auto best =
      m.Try("top_k", {m.OfType({chips::F32, {groups, tokens, experts}})}, {{"k", Attr(chosen)}});
  if (best.empty()) return;
  const ValueId x = m.OfType({dtype, {groups, tokens, width}});
  const bool sorted = m.OneIn(2);
  const int64_t capacity = sorted ? tokens * chosen : 1 + m.Below(tokens);
  const auto slots = sorted ? m.Try("moe_sort", {best[1]}, {{"experts", Attr(experts)}})
                            : m.Try("moe_slots", {best[1]},
                                    {{"experts", Attr(experts)}, {"capacity", Attr(capacity)}});
  if (slots.empty()) return;
  const Attributes places = {{"experts", Attr(sorted ? int64_t{1} : experts)},
                             {"capacity", Attr(capacity)}};
  const auto rows = m.Try("moe_dispatch", {x, slots[0]}, places);
  if (rows.empty()) return;
  ValueId y = rows[0];
  if (sorted) {
    const int64_t out = m.Size();
    const bool turned = m.OneIn(2);
    const auto flat = m.Try("reshape", {y}, {{"dims", Attr(Shape{groups, capacity, width})}});
    if (flat.empty()) return;
    const Shape weight = turned ? Shape{experts, out, width} : Shape{experts, width, out};
    const auto product = m.Try("grouped_matmul", {flat[0], slots[1], m.OfType({dtype, weight})},
                               {{"transpose_b", Attr(turned)}});
    if (product.empty()) return;
    if (m.OneIn(2)) m.Try("grouped_contract", {flat[0], product[0], slots[1]});
    const auto back =
        m.Try("reshape", {product[0]}, {{"dims", Attr(Shape{groups, 1, capacity, out})}});
    if (back.empty()) return;
    y = back[0];
  }
  const auto out = m.Try("moe_combine", {y, slots[0], best[0]});
  if (!out.empty() && m.OneIn(2)) m.Try("moe_weight_gradient", {y, slots[0], out[0]});
}

}  // namespace strata::compiler
