#include "compiler/plan/collective_of.h"

#include "framework/graph/attributes.h"

namespace strata::plan {

Collective CollectiveOf(const graph::Node& node, int64_t rank) {
  const graph::AttributeReader attrs(node);
  const auto axis = [&](const char* name) {
    const int64_t value = attrs.Int(name);
    return value < 0 ? value + rank : value;
  };
  Collective c;
  c.set_kind(node.op());
  c.set_reduction(attrs.String("reduction"));
  c.set_root(static_cast<int32_t>(attrs.Int("root")));
  c.set_group(attrs.String("group"));
  c.set_ranks(attrs.Int("ranks"));
  c.set_axis(node.op() == "all_to_all" ? axis("split") : axis("axis"));
  c.set_concat(axis("concat"));
  c.set_offset(attrs.Int("offset"));
  return c;
}

}  // namespace strata::plan
