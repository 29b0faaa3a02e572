// Cases of the ops of mixtures of experts: slots, dispatch and combine, products of sorted rows.
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/graph/case_maker.h"
#include "framework/graph/op_cases.h"

namespace strata::graph {
namespace {

ValueId I32(Builder& b, int64_t value) {
  return b.Apply("constant", {},
                 {{"value", Attr(static_cast<double>(value))},
                  {"dtype", Attr(chips::I32)},
                  {"dims", Attr(Shape{})}});
}

Attributes Slots(int64_t experts, int64_t capacity) {
  return {{"experts", Attr(experts)}, {"capacity", Attr(capacity)}};
}

void SlotCases(CaseMaker& make) {
  make.Op("moe_slots.one", "moe_slots", {I({1, 1, 1}, 0, 0)}, Slots(1, 1));
  make.Op("moe_slots.drops", "moe_slots", {I({2, 17, 2}, 0, 4)}, Slots(5, 3));
  make.Op("moe_slots.some_nowhere", "moe_slots", {I({3, 9, 3}, -2, 3)}, Slots(4, 9));
  make.Op("moe_slots.no_tokens", "moe_slots", {I({2, 0, 2}, 0, 3)}, Slots(4, 2));
  make.Op("moe_slots.symbols", "moe_slots", {I({"B", "T", 2}, 0, 2)}, Slots(3, 4));
  const auto experts = [](int64_t count) { return Attributes{{"experts", Attr(count)}}; };
  make.Op("moe_sort.one", "moe_sort", {I({1, 1, 1}, 0, 0)}, experts(1));
  make.Op("moe_sort.many", "moe_sort", {I({2, 33, 2}, 0, 6)}, experts(7));
  make.Op("moe_sort.some_nowhere", "moe_sort", {I({1, 19, 3}, -1, 3)}, experts(5));
  make.Op("moe_sort.no_tokens", "moe_sort", {I({2, 0, 2}, 0, 3)}, experts(4));
  make.Op("moe_sort.symbols", "moe_sort", {I({"B", "T", 2}, 0, 2)}, experts(3));
}

// The weights' dtype beside tokens of the cases' dtype.
Operand Weights(const CaseMaker& make, Shape shape) {
  Operand weights = F(std::move(shape));
  if (make.dtype() == chips::BF16 || make.dtype() == chips::F16) weights.dtype = chips::F32;
  return weights;
}

struct Place {
  const char* name;
  Shape groups;  // {G, N}
  int64_t k, experts, capacity, C;
};

void DispatchCases(CaseMaker& make) {
  const Place places[] = {
      {"one", {1, 1}, 1, 1, 1, 1},      {"rows", {2, 9}, 2, 4, 5, 17},
      {"wide", {1, 5}, 3, 3, 5, 67},    {"no_tokens", {2, 0}, 2, 3, 2, 4},
      {"no_slots", {1, 3}, 1, 2, 0, 3}, {"symbols", {"B", "T"}, 2, 3, 4, 6},
  };
  for (const Place& p : places) {
    const Shape tokens = {p.groups[0], p.groups[1], p.C}, chosen = {p.groups[0], p.groups[1], p.k};
    const Shape rows = {p.groups[0], p.experts, p.capacity, p.C};
    const Operand slot = I(chosen, -1, p.experts * p.capacity - 1);  // slots may be shared
    const Attributes slots = Slots(p.experts, p.capacity);
    const int64_t terms = p.groups[1].is_symbol() ? 10 : p.groups[1].size() * p.k;
    make.Op(absl::StrCat("moe_dispatch.", p.name), "moe_dispatch", {F(tokens), slot}, slots, terms);
    make.Op(absl::StrCat("moe_dispatch.weighted.", p.name), "moe_dispatch",
            {F(tokens), slot, Weights(make, chosen)}, slots, terms);
    make.Op(absl::StrCat("moe_combine.", p.name), "moe_combine", {F(rows), slot}, {}, p.k);
    make.Op(absl::StrCat("moe_combine.weighted.", p.name), "moe_combine",
            {F(rows), slot, Weights(make, chosen)}, {}, p.k);
    make.Op(absl::StrCat("moe_weight_gradient.", p.name), "moe_weight_gradient",
            {F(rows), slot, F(tokens)}, {}, 4 * p.C);
  }
}

// min(e * e * step, R): experts without rows at both ends when step is 0 or large, and a rest that none has.
ValueId Offsets(Builder& b, const Size& groups, int64_t experts, int64_t step, int64_t R) {
  const ValueId e = b.Apply(
      "iota", {},
      {{"dtype", Attr(chips::I32)}, {"dims", Attr(Shape{groups, experts + 1})}, {"axis", Attr(1)}});
  const ValueId ends = b.Apply("mul", {b.Apply("mul", {e, e}), I32(b, step)});
  return b.Apply("min", {ends, I32(b, R)});
}

struct Grouped {
  const char* name;
  Size G;
  int64_t R, K, F, experts, step;
};

void GroupedMatmulCases(CaseMaker& make) {
  const Grouped cases[] = {
      {"one", 1, 1, 1, 1, 1, 1},       {"uneven", 1, 33, 17, 9, 7, 1},
      {"groups", 2, 20, 8, 5, 4, 1},   {"some_empty", 1, 12, 5, 35, 6, 3},
      {"no_rows", 2, 0, 4, 3, 2, 1},   {"none_used", 1, 5, 4, 3, 2, 0},
      {"symbols", "B", 9, 6, 4, 3, 1},
  };
  for (const Grouped& c : cases) {
    for (const bool turned : {false, true}) {
      const Shape w = turned ? Shape{c.experts, c.F, c.K} : Shape{c.experts, c.K, c.F};
      make.Graph(
          absl::StrCat("grouped_matmul.", c.name, turned ? ".transpose_b" : ""),
          {F({c.G, c.R, c.K}), F(w)},
          [&](Builder& b, const std::vector<ValueId>& in) {
            const ValueId offsets = Offsets(b, c.G, c.experts, c.step, c.R);
            return b.ApplyMulti("grouped_matmul", {in[0], offsets, in[1]},
                                {{"transpose_b", Attr(turned)}});
          },
          4 * c.K);
    }
    make.Graph(
        absl::StrCat("grouped_contract.", c.name), {F({c.G, c.R, c.K}), F({c.G, c.R, c.F})},
        [&](Builder& b, const std::vector<ValueId>& in) {
          const ValueId offsets = Offsets(b, c.G, c.experts, c.step, c.R);
          return b.ApplyMulti("grouped_contract", {in[0], in[1], offsets});
        },
        4 * (c.R + 1));
  }
}

// Sort, gather, multiply, take back: the drop-less road in one graph.
void RoadCases(CaseMaker& make) {
  constexpr int64_t kTokens = 13, k = 2, kExperts = 5, C = 6;
  make.Graph(
      "grouped_matmul.sorted_tokens",
      {F({1, kTokens, C}), I({1, kTokens, k}, -1, kExperts - 1), F({kExperts, C, C})},
      [](Builder& b, const std::vector<ValueId>& in) {
        const auto sorted = b.ApplyMulti("moe_sort", {in[1]}, {{"experts", Attr(kExperts)}});
        const ValueId rows = b.Apply("moe_dispatch", {in[0], sorted[0]}, Slots(1, kTokens * k));
        const ValueId x = b.Apply("reshape", {rows}, {{"dims", Attr(Shape{1, kTokens * k, C})}});
        const ValueId y =
            b.Apply("grouped_matmul", {x, sorted[1], in[2]}, {{"transpose_b", Attr(false)}});
        const ValueId back = b.Apply("reshape", {y}, {{"dims", Attr(Shape{1, 1, kTokens * k, C})}});
        return std::vector<ValueId>{b.Apply("moe_combine", {back, sorted[0]})};
      },
      8 * C);
}

}  // namespace

std::vector<OpCase> MoeOpCases(DType dtype) {
  CaseMaker make(dtype);
  SlotCases(make);
  DispatchCases(make);
  GroupedMatmulCases(make);
  RoadCases(make);
  return make.Take();
}

}  // namespace strata::graph
