#include "absl/strings/str_cat.h"
#include "framework/graph/case_maker.h"
#include "framework/graph/op_cases.h"
#include "framework/graph/ops/checks.h"

namespace strata::graph {
namespace {

// A float operand of a fixed dtype: statistics and moments are f32 beside 16-bit operands.
Operand Of(DType dtype, Shape shape, double low = -2, double high = 2) {
  return {std::move(shape), dtype, low, high};
}

void SoftmaxCases(CaseMaker& make) {
  make.Op("softmax.row", "softmax", {F({17})}, {}, 17);
  make.Op("softmax.rows", "softmax", {F({3, 33})}, {}, 33);
  make.Op("softmax.one_column", "softmax", {F({5, 1})});
  make.Op("softmax.no_rows", "softmax", {F({0, 5})});
  make.Op("softmax.wide", "softmax", {F({2, 3, 67}, -30, 30)}, {}, 67);
  make.Op("softmax.symbols", "softmax", {F({"B", "T", 9})}, {}, 9);
}

void NormalizationCases(CaseMaker& make) {
  const Attributes epsilon = {{"epsilon", Attr(1e-5)}};
  const std::vector<std::pair<Shape, int64_t>> rows = {
      {{33}, 33}, {{3, 17}, 17}, {{2, 3, 64}, 64}, {{4, 1}, 1}, {{0, 5}, 5}, {{"B", "T", 6}, 6}};
  for (const auto& [shape, width] : rows) {
    const std::string suffix = absl::StrCat(".rank", shape.size(), ".", width);
    make.Op("layer_norm" + suffix, "layer_norm", {F(shape), F({width}), F({width})}, epsilon,
            2 * width);
    make.Op("rms_norm" + suffix, "rms_norm", {F(shape), F({width})}, epsilon, width);
  }
}

void ActivationCases(CaseMaker& make) {
  for (const bool approximate : {false, true}) {
    const std::string name = approximate ? "gelu.tanh" : "gelu.exact";
    const Attributes attributes = {{"approximate", Attr(approximate)}};
    make.Op(name, "gelu", {F({3, 33})}, attributes);
    make.Op(name + ".wide", "gelu", {F({67}, -12, 12)}, attributes);
    make.Op(name + ".symbols", "gelu", {F({"B", 5})}, attributes);
  }
  make.Op("silu.matrix", "silu", {F({3, 33})});
  make.Op("silu.wide", "silu", {F({67}, -30, 30)});
  make.Op("silu.scalar", "silu", {F({})});
  make.Op("silu.empty", "silu", {F({0, 3})});
}

void EmbeddingCases(CaseMaker& make) {
  make.Op("embedding.matrix", "embedding", {F({17, 5}), I({3, 4}, 0, 16)});
  make.Op("embedding.scalar", "embedding", {F({7, 33}), I({}, 0, 6)});
  make.Op("embedding.one_row", "embedding", {F({1, 9}), I({6}, 0, 0)});
  make.Op("embedding.no_ids", "embedding", {F({4, 3}), I({0}, 0, 3)});
  make.Op("embedding.symbols", "embedding", {F({"S", 5}), I({"B", "T"}, 0, 6)});
  // Few rows for many ids: rows add up.
  const auto dims = [](Shape shape) { return Attributes{{"dims", Attr(shape)}}; };
  make.Op("embedding_gradient.many", "embedding_gradient", {I({3, 11}, 0, 4), F({3, 11, 17})},
          dims({5, 17}), 33);
  make.Op("embedding_gradient.unused_rows", "embedding_gradient", {I({2}, 0, 8), F({2, 1})},
          dims({9, 1}), 2);
  make.Op("embedding_gradient.symbols", "embedding_gradient",
          {I({"B", "T"}, 0, 6), F({"B", "T", 4})}, dims({7, 4}), 15);
}

void RopeCases(CaseMaker& make) {
  constexpr int64_t kLast = 63;  // f32 angles err by an epsilon times the position
  for (const bool interleaved : {false, true}) {
    for (const bool inverse : {false, true}) {
      make.Op(
          absl::StrCat("rope", interleaved ? ".interleaved" : ".halves", inverse ? ".inverse" : ""),
          "rope", {F({2, 3, 2, 10}), I({2, 3}, 0, kLast)},
          {{"theta", Attr(10000.0)},
           {"interleaved", Attr(interleaved)},
           {"inverse", Attr(inverse)}},
          kLast);
    }
  }
  make.Op("rope.symbols", "rope", {F({"B", "T", 1, 2}), I({"B", "T"}, 0, kLast)},
          {{"theta", Attr(100.0)}}, kLast);
}

struct Attention {
  const char* name;
  Shape q, k;  // [B, T, H, D], [B, S, KV, D]
  bool causal;
};

void AttentionCases(CaseMaker& make) {
  const Attention rows[] = {
      {"one", {1, 1, 1, 1}, {1, 1, 1, 1}, true},
      {"causal", {2, 5, 3, 8}, {2, 5, 3, 8}, true},
      {"full", {2, 5, 3, 8}, {2, 9, 3, 8}, false},
      {"causal_longer_keys", {1, 3, 2, 6}, {1, 7, 2, 6}, true},
      {"causal_longer_queries", {1, 5, 2, 4}, {1, 3, 2, 4}, true},
      {"grouped", {2, 4, 6, 5}, {2, 4, 2, 5}, true},
      {"one_kv_head", {1, 17, 4, 16}, {1, 17, 1, 16}, true},
      {"many_keys", {1, 2, 1, 33}, {1, 131, 1, 33}, false},
      {"symbols", {"B", "T", 4, 6}, {"B", "S", 2, 6}, true},
  };
  for (const Attention& row : rows) {
    const Attributes attributes = {{"scale", Attr(0.375)}, {"causal", Attr(row.causal)}};
    const DType wide = StatisticsType(make.dtype());
    const Operand lse = Of(wide, {row.q[0], row.q[2], row.q[1]}, 2, 4);
    // Scores sum D products, outputs sum S of them.
    make.Op(absl::StrCat("attention.", row.name), "attention", {F(row.q), F(row.k), F(row.k)},
            attributes, 200);
    make.Op(absl::StrCat("attention_gradient.", row.name), "attention_gradient",
            {F(row.q), F(row.k), F(row.k), F(row.q), lse, F(row.q)}, attributes, 800);
  }
  const Attributes causal = {{"scale", Attr(0.5)}, {"causal", Attr(true)}};
  make.Op("attention.decode", "attention",
          {F({3, 1, 4, 8}), F({3, 11, 2, 8}), F({3, 11, 2, 8}), I({3}, 0, 10)}, causal, 40);
  make.Op("attention.prefill", "attention",
          {F({2, 4, 2, 6}), F({2, 9, 2, 6}), F({2, 9, 2, 6}), I({2}, 0, 5)}, causal, 40);
}

void CacheUpdateCases(CaseMaker& make) {
  make.Op("cache_update.one_token", "cache_update",
          {F({3, 7, 2, 5}), F({3, 1, 2, 5}), I({3}, 0, 6)});
  make.Op("cache_update.prefill", "cache_update", {F({2, 9, 1, 4}), F({2, 4, 1, 4}), I({2}, 0, 5)});
  make.Op("cache_update.whole", "cache_update", {F({1, 3, 1, 2}), F({1, 3, 1, 2}), I({1}, 0, 0)});
  make.Op("cache_update.symbols", "cache_update",
          {F({"B", "S", 2, 3}), F({"B", "T", 2, 3}), I({"B"}, 0, 2)});
}

void CrossEntropyCases(CaseMaker& make) {
  const DType wide = StatisticsType(make.dtype());
  // Targets from -1 on: some rows are ignored.
  make.Op("cross_entropy.rows", "cross_entropy", {F({5, 33}), I({5}, -1, 32)}, {}, 33);
  make.Op("cross_entropy.scalar", "cross_entropy", {F({17}), I({}, 0, 16)}, {}, 17);
  make.Op("cross_entropy.one_class", "cross_entropy", {F({3, 1}), I({3}, -1, 0)});
  make.Op("cross_entropy.wide", "cross_entropy", {F({7, 129}, -30, 30), I({7}, 0, 128)}, {}, 129);
  make.Op("cross_entropy.symbols", "cross_entropy", {F({"B", "T", 9}), I({"B", "T"}, -2, 8)}, {},
          9);
  make.Op("cross_entropy_gradient.rows", "cross_entropy_gradient",
          {F({5, 33}), I({5}, -1, 32), Of(wide, {5}, 2, 4), Of(wide, {5})}, {}, 8);
  make.Op(
      "cross_entropy_gradient.symbols", "cross_entropy_gradient",
      {F({"B", "T", 9}), I({"B", "T"}, -2, 8), Of(wide, {"B", "T"}, 2, 4), Of(wide, {"B", "T"})},
      {}, 8);
}

void AdamwCases(CaseMaker& make) {
  const DType dtype = StatisticsType(make.dtype());  // moments and master copies are never 16-bit
  for (const double decay : {0.0, 0.1}) {
    const Attributes attributes = {{"beta1", Attr(0.9)},
                                   {"beta2", Attr(0.95)},
                                   {"epsilon", Attr(1e-8)},
                                   {"weight_decay", Attr(decay)}};
    for (const Shape& shape : std::vector<Shape>{{}, {17}, {3, 33}, {0, 4}}) {
      make.Op(
          absl::StrCat("adamw.rank", shape.size(), ".", ToString(shape), decay > 0 ? ".decay" : ""),
          "adamw",
          {Of(dtype, shape), Of(dtype, shape), Of(dtype, shape, -1, 1), Of(dtype, shape, 0.01, 1),
           Of(dtype, {}, 0.001, 0.01), Of(dtype, {}, 3, 3)},
          attributes, 8);
    }
  }
}

// What backward passes look like: a composite with its gradient, sharing values.
void GradientCases(CaseMaker& make) {
  make.Graph(
      "graph.tied_embedding", {F({11, 6}), I({2, 5}, 0, 10), I({2, 5}, -1, 10)},
      [](Builder& b, const std::vector<ValueId>& in) {
        const ValueId x = b.Apply("embedding", {in[0], in[1]});
        const ValueId logits = b.Apply("matmul", {x, in[0]}, {{"transpose_b", Attr(true)}});
        return b.ApplyMulti("cross_entropy", {logits, in[2]});
      },
      20);
  make.Graph(
      "graph.attention_both_ways", {F({1, 5, 2, 4}), F({1, 5, 1, 4}), F({1, 5, 1, 4})},
      [](Builder& b, const std::vector<ValueId>& in) {
        const Attributes attributes = {{"scale", Attr(0.5)}, {"causal", Attr(true)}};
        const std::vector<ValueId> out = b.ApplyMulti("attention", in, attributes);
        return b.ApplyMulti("attention_gradient", {in[0], in[1], in[2], out[0], out[1], out[0]},
                            attributes);
      },
      200);
}

}  // namespace

std::vector<OpCase> CompositeOpCases(DType dtype) {
  CaseMaker make(dtype);
  SoftmaxCases(make);
  NormalizationCases(make);
  ActivationCases(make);
  EmbeddingCases(make);
  RopeCases(make);
  AttentionCases(make);
  CacheUpdateCases(make);
  CrossEntropyCases(make);
  AdamwCases(make);
  GradientCases(make);
  return make.Take();
}

}  // namespace strata::graph
