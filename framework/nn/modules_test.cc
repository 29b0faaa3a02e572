#include <cmath>

#include "base/status_matchers.h"
#include "framework/graph/interpreter.h"
#include "framework/nn/attention.h"
#include "framework/nn/embedding.h"
#include "framework/nn/linear.h"
#include "framework/nn/mlp.h"
#include "framework/nn/normalization.h"

namespace strata::framework {
namespace {

using graph::Builder;
using graph::Graph;
using graph::HostTensor;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A graph with everything it needs to run: parameters from seed 1, then the other inputs.
class ModuleTest : public ::testing::Test {
 protected:
  std::vector<double> Run(const Tensor& y, const std::vector<HostTensor>& data) {
    b_.Output(y.id(), "y", graph::SHARDED);
    absl::StatusOr<Graph> graph = std::move(b_).Build();
    EXPECT_THAT(graph, IsOk());
    if (!graph.ok()) return {};
    std::vector<HostTensor> inputs;
    size_t next_parameter = 0, next_data = 0;
    for (const graph::Input& input : graph->inputs()) {
      inputs.push_back(input.kind() == graph::PARAMETER
                           ? InitParameter(parameters_.specs()[next_parameter++], 1)
                           : data[next_data++]);
    }
    graph::Interpreter interpreter;
    absl::StatusOr<std::vector<HostTensor>> results = interpreter.Evaluate(*graph, inputs);
    EXPECT_THAT(results, IsOk());
    return results.ok() ? results->back().ToDoubles() : std::vector<double>();
  }

  HostTensor Random(const std::string& name, std::vector<int64_t> dims) {
    return InitParameter({name, std::move(dims), chips::F64, Init::Normal(1)}, 3);
  }

  std::vector<std::string> ParameterNames() const {
    std::vector<std::string> names;
    for (const ParameterSpec& spec : parameters_.specs()) names.push_back(spec.name);
    return names;
  }

  Builder b_{"test"};
  ParameterSet parameters_{b_, chips::F64};
};

TEST_F(ModuleTest, LinearBothWaysRound) {
  Linear plain(parameters_, {.name = "a", .in = 3, .out = 2});
  Linear turned(parameters_,
                {.name = "b", .in = 3, .out = 2, .bias = false, .transposed_weight = true});
  EXPECT_THAT(ParameterNames(), ElementsAre("a.weight", "a.bias", "b.weight"));
  EXPECT_THAT(parameters_.specs()[0].dims, ElementsAre(3, 2));
  EXPECT_THAT(parameters_.specs()[2].dims, ElementsAre(2, 3));
  Tensor x = Input(b_, "x", {chips::F64, {"B", 3}}, graph::DATA);
  Tensor y = plain.Forward(x) + turned.Forward(x);
  EXPECT_EQ(y.type().ToString(), "f64[B, 2]");
  const std::vector<double> w = InitParameter(parameters_.specs()[0], 1).ToDoubles();
  const std::vector<double> v = InitParameter(parameters_.specs()[2], 1).ToDoubles();
  const std::vector<double> got = Run(y, {HostTensor::FromVector<double>({1, 3}, {1, 2, 3})});
  ASSERT_EQ(got.size(), 2u);
  for (size_t n = 0; n < 2; ++n) {
    EXPECT_NEAR(got[n],
                w[n] + 2 * w[2 + n] + 3 * w[4 + n] + v[3 * n] + 2 * v[3 * n + 1] + 3 * v[3 * n + 2],
                1e-12);
  }
}

TEST_F(ModuleTest, OriginIsTheModelLine) {
  Linear fc(parameters_, {.name = "h.3.mlp.c_fc", .in = 3, .out = 2});
  Tensor x = Input(b_, "x", {chips::F64, {"B", 3}}, graph::DATA);
  {
    Builder::Scope model(b_, "gpt");
    Builder::Scope block(b_, "h.3");
    fc.Forward(x);
  }
  const graph::Node& node = b_.graph().nodes(0);
  EXPECT_THAT(node.origin(), HasSubstr("gpt.h.3.mlp.c_fc (framework/nn/modules_test.cc:"));
  EXPECT_EQ(b_.name(node.outputs(0)), "gpt.h.3.mlp.c_fc.matmul");
}

TEST_F(ModuleTest, NestedModulesNameTheirPath) {
  Mlp mlp(parameters_, {.name = "h.0.mlp", .width = 4, .hidden = 6});
  EXPECT_THAT(ParameterNames(), ElementsAre("h.0.mlp.c_fc.weight", "h.0.mlp.c_fc.bias",
                                            "h.0.mlp.c_proj.weight", "h.0.mlp.c_proj.bias"));
  Tensor y = mlp.Forward(Input(b_, "x", {chips::F64, {"B", "T", 4}}, graph::DATA));
  EXPECT_EQ(y.type().ToString(), "f64[B, T, 4]");
  EXPECT_EQ(b_.name(y.id()), "h.0.mlp.c_proj.add");
  EXPECT_THAT(b_.graph().nodes(2).origin(), HasSubstr("h.0.mlp (framework/nn/modules_test.cc:"));
}

TEST_F(ModuleTest, GatedMlpMatchesItsFormula) {
  GatedMlp mlp(parameters_, {.name = "mlp",
                             .width = 2,
                             .hidden = 1,
                             .init = Init::Normal(1),
                             .down_init = Init::Normal(1)});
  EXPECT_THAT(ParameterNames(),
              ElementsAre("mlp.gate_proj.weight", "mlp.up_proj.weight", "mlp.down_proj.weight"));
  std::vector<std::vector<double>> w;
  for (const ParameterSpec& spec : parameters_.specs())
    w.push_back(InitParameter(spec, 1).ToDoubles());
  Tensor x = Input(b_, "x", {chips::F64, {1, 2}}, graph::DATA);
  const std::vector<double> got =
      Run(mlp.Forward(x), {HostTensor::FromVector<double>({1, 2}, {3, -1})});
  const double gate = 3 * w[0][0] - w[0][1], up = 3 * w[1][0] - w[1][1];
  const double hidden = gate / (1 + std::exp(-gate)) * up;
  ASSERT_EQ(got.size(), 2u);
  EXPECT_NEAR(got[0], hidden * w[2][0], 1e-12);
  EXPECT_NEAR(got[1], hidden * w[2][1], 1e-12);
}

TEST_F(ModuleTest, EmbeddingAndTiedUnembedding) {
  Embedding wte(parameters_, {.name = "wte", .rows = 5, .width = 3, .init = Init::Normal(1)});
  const std::vector<double> table = InitParameter(parameters_.specs()[0], 1).ToDoubles();
  Tensor ids = Input(b_, "ids", {chips::I32, {2}}, graph::DATA);
  Tensor logits = wte.Unembed(wte.Forward(ids));
  EXPECT_EQ(logits.type().ToString(), "f64[2, 5]");
  const std::vector<double> got = Run(logits, {HostTensor::FromVector<int32_t>({2}, {4, 0})});
  double expected = 0;
  for (size_t c = 0; c < 3; ++c) expected += table[4 * 3 + c] * table[1 * 3 + c];
  EXPECT_NEAR(got[1], expected, 1e-12);
}

TEST_F(ModuleTest, NormsStartAsPlainNormalisation) {
  LayerNorm ln(parameters_, {.name = "ln", .width = 2, .epsilon = 0});
  RmsNorm rms(parameters_, {.name = "rms", .width = 2, .epsilon = 0});
  EXPECT_THAT(ParameterNames(), ElementsAre("ln.weight", "ln.bias", "rms.weight"));
  Tensor x = Input(b_, "x", {chips::F64, {1, 2}}, graph::DATA);
  const std::vector<double> got = Run(Concat({ln.Forward(x), rms.Forward(x)}, 0),
                                      {HostTensor::FromVector<double>({1, 2}, {1, 7})});
  ASSERT_EQ(got.size(), 4u);
  EXPECT_NEAR(got[0], -1, 1e-12);
  EXPECT_NEAR(got[1], 1, 1e-12);
  EXPECT_NEAR(got[2], 1 / 5.0, 1e-12);
  EXPECT_NEAR(got[3], 7 / 5.0, 1e-12);
}

TEST_F(ModuleTest, AttentionParametersOfGpt2AndLlama) {
  CausalSelfAttention gpt2(
      parameters_,
      {.name = "h.0.attn", .width = 8, .heads = 2, .fused_qkv = true, .output_name = "c_proj"});
  CausalSelfAttention llama(parameters_, {.name = "l.0.self_attn",
                                          .width = 8,
                                          .heads = 4,
                                          .kv_heads = 2,
                                          .bias = false,
                                          .output_bias = false,
                                          .transposed_weight = true,
                                          .rope_theta = 10000});
  EXPECT_THAT(ParameterNames(),
              ElementsAre("h.0.attn.c_attn.weight", "h.0.attn.c_attn.bias",
                          "h.0.attn.c_proj.weight", "h.0.attn.c_proj.bias",
                          "l.0.self_attn.q_proj.weight", "l.0.self_attn.k_proj.weight",
                          "l.0.self_attn.v_proj.weight", "l.0.self_attn.o_proj.weight"));
  EXPECT_THAT(parameters_.specs()[0].dims, ElementsAre(8, 24));
  EXPECT_THAT(parameters_.specs()[5].dims, ElementsAre(4, 8));
  Tensor x = Input(b_, "x", {chips::F64, {"B", "T", 8}}, graph::DATA);
  Tensor positions = Input(b_, "positions", {chips::I32, {"B", "T"}}, graph::DATA);
  EXPECT_EQ(gpt2.Forward(x).type().ToString(), "f64[B, T, 8]");
  EXPECT_EQ(llama.Forward(x, positions).type().ToString(), "f64[B, T, 8]");
  EXPECT_OK(b_.status());
}

TEST_F(ModuleTest, BadHeadCountsAreErrors) {
  CausalSelfAttention bad(parameters_, {.name = "attn", .width = 8, .heads = 4, .kv_heads = 3});
  EXPECT_THAT(b_.status(), StatusIs(absl::StatusCode::kInvalidArgument,
                                    HasSubstr("attn: 4 heads of width 2 and 3 key/value heads")));
}

TEST_F(ModuleTest, RopeWithoutPositionsIsAnError) {
  CausalSelfAttention llama(parameters_,
                            {.name = "a", .width = 8, .heads = 2, .rope_theta = 10000});
  llama.Forward(Input(b_, "x", {chips::F64, {1, 2, 8}}, graph::DATA));
  EXPECT_THAT(b_.status(), StatusIs(absl::StatusCode::kInvalidArgument,
                                    HasSubstr("rope: inputs[1]: is an empty")));
}

// Token by token with a cache gives what the whole sequence at once gives.
TEST(KvCacheTest, DecodingMatchesTheWholeSequence) {
  constexpr int64_t kBatch = 2, kTokens = 5, kSlots = 7, kWidth = 8;
  const AttentionOptions options = {.name = "attn",
                                    .width = kWidth,
                                    .heads = 4,
                                    .kv_heads = 2,
                                    .rope_theta = 100,
                                    .init = Init::Normal(0.5)};
  const HostTensor x =
      InitParameter({"x", {kBatch, kTokens, kWidth}, chips::F64, Init::Normal(1)}, 3);
  std::vector<HostTensor> weights;
  graph::Interpreter interpreter;

  Builder whole("whole");
  ParameterSet parameters(whole, chips::F64);
  CausalSelfAttention attention(parameters, options);
  for (const ParameterSpec& spec : parameters.specs()) weights.push_back(InitParameter(spec, 1));
  Tensor positions = Input(whole, "positions", {chips::I32, {"B", "T"}}, graph::DATA);
  Tensor y = attention.Forward(Input(whole, "x", {chips::F64, {"B", "T", kWidth}}, graph::DATA),
                               positions);
  whole.Output(y.id(), "y", graph::SHARDED);
  STRATA_ASSERT_OK_AND_ASSIGN(Graph whole_graph, std::move(whole).Build());
  std::vector<int32_t> all;
  for (int64_t b = 0; b < kBatch; ++b) {
    for (int32_t t = 0; t < kTokens; ++t) all.push_back(t);
  }
  std::vector<HostTensor> inputs = weights;
  inputs.push_back(HostTensor::FromVector<int32_t>({kBatch, kTokens}, all));
  inputs.push_back(x);
  STRATA_ASSERT_OK_AND_ASSIGN(std::vector<HostTensor> expected,
                              interpreter.Evaluate(whole_graph, inputs));

  Builder step("step");
  ParameterSet step_parameters(step, chips::F64);
  CausalSelfAttention step_attention(step_parameters, options);
  Tensor token = Input(step, "x", {chips::F64, {"B", "T", kWidth}}, graph::DATA);
  Tensor start = Input(step, "start", {chips::I32, {"B"}}, graph::DATA);
  Tensor at = Input(step, "positions", {chips::I32, {"B", "T"}}, graph::DATA);
  const KvCache cache = MakeKvCache(step, "attn", chips::F64, {"B", kSlots, 2, 2}, start);
  step.Output(step_attention.Forward(token, at, &cache).id(), "y", graph::SHARDED);
  STRATA_ASSERT_OK_AND_ASSIGN(Graph step_graph, std::move(step).Build());
  EXPECT_EQ(step_graph.updates_size(), 2);

  const HostTensor keys = HostTensor::Zeros(chips::F64, {kBatch, kSlots, 2, 2});
  const HostTensor values = HostTensor::Zeros(chips::F64, {kBatch, kSlots, 2, 2});
  const std::vector<double> rows = x.ToDoubles(), whole_rows = expected.back().ToDoubles();
  for (int32_t t = 0; t < kTokens; ++t) {
    std::vector<double> slice;
    for (int64_t b = 0; b < kBatch; ++b) {
      const auto row = rows.begin() + (b * kTokens + t) * kWidth;
      slice.insert(slice.end(), row, row + kWidth);
    }
    std::vector<HostTensor> call = weights;
    call.push_back(HostTensor::FromVector<double>({kBatch, 1, kWidth}, slice));
    call.push_back(HostTensor::FromVector<int32_t>({kBatch}, {t, t}));
    call.push_back(HostTensor::FromVector<int32_t>({kBatch, 1}, {t, t}));
    call.push_back(keys);
    call.push_back(values);
    STRATA_ASSERT_OK_AND_ASSIGN(std::vector<HostTensor> got,
                                interpreter.Evaluate(step_graph, call));
    const std::vector<double> out = got.back().ToDoubles();
    for (int64_t b = 0; b < kBatch; ++b) {
      for (int64_t c = 0; c < kWidth; ++c) {
        EXPECT_NEAR(out[static_cast<size_t>(b * kWidth + c)],
                    whole_rows[static_cast<size_t>((b * kTokens + t) * kWidth + c)], 1e-12)
            << "row " << b << " token " << t;
      }
    }
  }
}

}  // namespace
}  // namespace strata::framework
