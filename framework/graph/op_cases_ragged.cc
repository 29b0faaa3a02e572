// Cases of the ops of a decoder's step over a ragged batch: slots, views, chosen experts.
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "framework/graph/case_maker.h"
#include "framework/graph/op_cases.h"

namespace strata::graph {
namespace {

Operand Of(DType dtype, Shape shape, double low = -2, double high = 2) {
  return {std::move(shape), dtype, low, high};
}

// first, first + step, ...: slots that differ.
ValueId Slots(Builder& b, const Size& rows, int64_t first, int64_t step) {
  const auto number = [&](int64_t value) {
    return b.Apply("constant", {},
                   {{"value", Attr(static_cast<double>(value))},
                    {"dtype", Attr(chips::I32)},
                    {"dims", Attr(Shape{})}});
  };
  const ValueId row = b.Apply(
      "iota", {}, {{"dtype", Attr(chips::I32)}, {"dims", Attr(Shape{rows})}, {"axis", Attr(0)}});
  return b.Apply("add", {b.Apply("mul", {row, number(step)}), number(first)});
}

void CacheWriteCases(CaseMaker& make) {
  for (const DType dtype : {chips::F32, chips::F16, chips::BF16}) {
    // Rows 0, 1, 2 to slots 6, 3, 0: the last is padding.
    make.Graph(absl::StrCat("cache_write.", chips::DTypeName(dtype)),
               {Of(dtype, {7, 2, 5}), Of(chips::F32, {3, 2, 5})},
               [](Builder& b, const std::vector<ValueId>& in) {
                 return b.ApplyMulti("cache_write", {in[0], in[1], Slots(b, 3, 6, -3)});
               });
  }
  make.Op("cache_write.padding", "cache_write",
          {Of(chips::F32, {4, 1, 3}), Of(chips::F32, {2, 1, 3}), I({2}, 0, 0)});
  make.Op("cache_write.no_rows", "cache_write",
          {Of(chips::F32, {4, 1, 3}), Of(chips::F32, {0, 1, 3}), I({0}, 0, 0)});
  make.Graph("cache_write.symbols", {Of(chips::F32, {9, 1, 3}), Of(chips::F32, {"T", 1, 3})},
             [](Builder& b, const std::vector<ValueId>& in) {
               return b.ApplyMulti("cache_write", {in[0], in[1], Slots(b, "T", 4, 1)});
             });
  make.Graph("cache_write_q8.rows",
             {I({9, 2, 17}, -127, 127, chips::I8), Of(chips::F32, {9, 2}, 0, 1),
              Of(chips::F32, {3, 2, 17})},
             [](Builder& b, const std::vector<ValueId>& in) {
               return b.ApplyMulti("cache_write_q8", {in[0], in[1], in[2], Slots(b, 3, 8, -4)});
             });
}

struct Paged {
  const char* name;
  Shape q, k;     // [R, H, D], [slots, KV, D]
  int64_t V, L;   // views
  int64_t width;  // of values
  Attributes extra;
};

Attributes WithScale(Attributes attributes) {
  attributes["scale"] = Attr(0.375);
  return attributes;
}

void PagedAttentionCases(CaseMaker& make) {
  const Paged rows[] = {
      {"one", {1, 1, 1}, {2, 1, 1}, 1, 1, 1, {}},
      {"grouped", {5, 6, 8}, {40, 2, 8}, 3, 30, 8, {}},
      {"one_key_head", {3, 4, 20}, {80, 1, 20}, 2, 131, 12, {}},
      {"window", {7, 2, 16}, {90, 2, 16}, 2, 90, 16, {{"window", Attr(9)}}},
      {"softcap", {4, 2, 5}, {20, 1, 5}, 2, 17, 5, {{"softcap", Attr(1.5)}}},
      {"no_rows", {0, 2, 4}, {5, 2, 4}, 1, 3, 4, {}},
      {"symbols", {"T", 2, 4}, {"S", 2, 4}, 2, 9, 4, {}},
  };
  for (const Paged& row : rows) {
    const Shape v = {row.k[0], row.k[1], row.width};
    const int64_t slots = row.k[0].is_symbol() ? 7 : row.k[0].size();
    const std::vector<Operand> places = {I({row.V, row.L}, 0, slots - 1),
                                         I({row.q[0]}, 0, row.V - 1), I({row.q[0]}, 0, row.L)};
    const auto operands = [&](std::vector<Operand> list) {
      list.insert(list.end(), places.begin(), places.end());
      return list;
    };
    for (const DType dtype : {chips::F32, chips::F16, chips::BF16}) {
      make.Op(absl::StrCat("paged_attention.", row.name, ".", chips::DTypeName(dtype)),
              "paged_attention", operands({Of(chips::F32, row.q), Of(dtype, row.k), Of(dtype, v)}),
              WithScale(row.extra), 200);
    }
    const Operand scale = Of(chips::F32, {row.k[0], row.k[1]}, 0.01, 0.02);
    make.Op(absl::StrCat("paged_attention.", row.name, ".i8"), "paged_attention",
            operands({Of(chips::F32, row.q), I(row.k, -127, 127, chips::I8),
                      I(v, -127, 127, chips::I8), scale, scale}),
            WithScale(row.extra), 200);
  }
  make.Op("paged_attention.sinks", "paged_attention",
          {Of(chips::F32, {4, 3, 8}), Of(chips::F32, {30, 3, 8}), Of(chips::F32, {30, 3, 8}),
           I({2, 20}, 0, 29), I({4}, 0, 1), I({4}, 0, 20), Of(chips::F32, {3})},
          WithScale({{"window", Attr(11)}}), 40);
  // Multi-head latent attention: the values are the first elements of the keys.
  make.Graph(
      "paged_attention.latent",
      {Of(chips::F32, {3, 4, 20}), Of(chips::F32, {30, 1, 20}), I({2, 20}, 0, 29), I({3}, 0, 1),
       I({3}, 0, 20)},
      [](Builder& b, const std::vector<ValueId>& in) {
        return b.ApplyMulti("paged_attention", {in[0], in[1], in[1], in[2], in[3], in[4]},
                            WithScale({{"value_width", Attr(16)}}));
      },
      40);
}

void RopeCases(CaseMaker& make) {
  constexpr int64_t kLast = 63;  // f32 angles err by an epsilon times the position
  for (const bool interleaved : {false, true}) {
    const Attributes order = {{"interleaved", Attr(interleaved)}};
    const std::string suffix = interleaved ? ".interleaved" : ".halves";
    Attributes part = order;
    part["width"] = Attr(6);
    part["theta"] = Attr(1e4);
    part["magnitude"] = Attr(1.25);
    make.Op(absl::StrCat("rope.part", suffix), "rope", {F({2, 3, 2, 10}), I({2, 3}, 0, kLast)},
            part, kLast);
    make.Op(absl::StrCat("rope.frequencies", suffix), "rope",
            {F({1, 5, 3, 8}), I({1, 5}, 0, kLast), Of(chips::F32, {4}, 0, 1)}, order, kLast);
  }
  make.Op("rope.none", "rope", {F({1, 3, 2, 4}), I({1, 3}, 0, kLast)},
          {{"theta", Attr(1e4)}, {"width", Attr(0)}});
}

void TopKCases(CaseMaker& make) {
  const auto k = [](int64_t count) { return Attributes{{"k", Attr(count)}}; };
  make.Op("top_k.row", "top_k", {F({17})}, k(3));
  make.Op("top_k.rows", "top_k", {F({5, 8})}, k(2));
  make.Op("top_k.all", "top_k", {F({2, 3, 4})}, k(4));
  make.Op("top_k.no_rows", "top_k", {F({0, 4})}, k(1));
  make.Op("top_k.symbols", "top_k", {F({"B", "T", 9})}, k(2));
}

}  // namespace

std::vector<OpCase> RaggedOpCases(DType dtype) {
  CaseMaker make(dtype);
  CacheWriteCases(make);
  RopeCases(make);
  TopKCases(make);
  std::vector<OpCase> cases = make.Take();
  CaseMaker paged(chips::F32);  // its queries and results are f32 whatever the cache is
  PagedAttentionCases(paged);
  std::vector<OpCase> more = paged.Take();
  std::move(more.begin(), more.end(), std::back_inserter(cases));
  return cases;
}

}  // namespace strata::graph
