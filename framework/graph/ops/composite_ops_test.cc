// What is particular to each composite op: values known beforehand, faults by code and message, exact work, and that
// forward and backward share their statistics. The sweeps test the rest.
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "base/status_matchers.h"
#include "framework/graph/builder.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/ops/all_ops.h"

namespace strata::graph {
namespace {

using ::testing::AllOf;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pointwise;

HostTensor F64s(std::vector<int64_t> dims, const std::vector<double>& values) {
  return HostTensor::FromVector<double>(std::move(dims), values);
}
HostTensor I32s(std::vector<int64_t> dims, const std::vector<int32_t>& values) {
  return HostTensor::FromVector<int32_t>(std::move(dims), values);
}

absl::StatusOr<std::vector<HostTensor>> Evaluate(const std::string& op,
                                                 const std::vector<HostTensor>& inputs,
                                                 const Attributes& attributes = {}) {
  Node node;
  node.set_op(op);
  SetAttributes(attributes, &node);
  return EvaluateNode(node, inputs);
}

std::vector<double> Values(const std::string& op, const std::vector<HostTensor>& inputs,
                           const Attributes& attributes = {}, size_t output = 0) {
  const absl::StatusOr<std::vector<HostTensor>> results = Evaluate(op, inputs, attributes);
  EXPECT_THAT(results, IsOk());
  return results.ok() ? (*results)[output].ToDoubles() : std::vector<double>();
}

testing::Matcher<std::vector<double>> Near(const std::vector<double>& expected) {
  return Pointwise(DoubleNear(1e-12), expected);
}

TEST(SoftmaxTest, LargeNumbersDoNotOverflow) {
  EXPECT_THAT(Values("softmax", {F64s({2, 2}, {1e6, 1e6, -1e6, 1e6})}), Near({0.5, 0.5, 0, 1}));
  EXPECT_THAT(Values("softmax", {F64s({3}, {0, std::log(2), std::log(5)})}),
              Near({0.125, 0.25, 0.625}));
}

TEST(NormalizationTest, KnownRows) {
  // Mean 3, variance 4.
  EXPECT_THAT(Values("layer_norm", {F64s({1, 2}, {1, 5}), F64s({2}, {10, 1}), F64s({2}, {0, 7})},
                     {{"epsilon", Attr(0.0)}}),
              Near({-10, 8}));
  EXPECT_THAT(Values("layer_norm", {F64s({1, 2}, {1, 5}), F64s({2}, {1, 1}), F64s({2}, {0, 0})},
                     {{"epsilon", Attr(12.0)}}),
              Near({-0.5, 0.5}));
  // Mean square 25.
  EXPECT_THAT(
      Values("rms_norm", {F64s({1, 2}, {1, 7}), F64s({2}, {5, 10})}, {{"epsilon", Attr(0.0)}}),
      Near({1, 14}));
}

TEST(ActivationTest, KnownPoints) {
  const HostTensor x = F64s({3}, {0, 1, -1});
  EXPECT_THAT(Values("gelu", {x}, {{"approximate", Attr(false)}}),
              Near({0, 0.841344746068543, -0.158655253931457}));
  EXPECT_THAT(Values("gelu", {x}, {{"approximate", Attr(true)}}),
              Near({0, 0.841191990608277, -0.158808009391723}));
  EXPECT_THAT(Values("silu", {x}), Near({0, 0.731058578630005, -0.268941421369995}));
}

TEST(ActivationTest, FarOutTheyAreTheIdentityAndZero) {
  const HostTensor x = F64s({2}, {800, -800});
  for (const bool approximate : {false, true}) {
    EXPECT_THAT(Values("gelu", {x}, {{"approximate", Attr(approximate)}}), Near({800, 0}));
  }
  EXPECT_THAT(Values("silu", {x}), Near({800, 0}));
}

TEST(EmbeddingTest, RowsByIdAndTheirAdjoint) {
  const HostTensor table = F64s({3, 2}, {1, 2, 3, 4, 5, 6}), ids = I32s({3}, {2, 0, 2});
  EXPECT_THAT(Values("embedding", {table, ids}), Near({5, 6, 1, 2, 5, 6}));
  EXPECT_THAT(Values("embedding_gradient", {ids, F64s({3, 2}, {1, 2, 3, 4, 10, 20})},
                     {{"dims", Attr(Shape{3, 2})}}),
              Near({3, 4, 0, 0, 11, 22}));
  for (const int32_t bad : {-1, 3}) {
    EXPECT_THAT(Evaluate("embedding", {table, I32s({1}, {bad})}),
                StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("the table has rows [0, 3)")));
    EXPECT_THAT(Evaluate("embedding_gradient", {I32s({1}, {bad}), F64s({1, 2}, {1, 2})},
                         {{"dims", Attr(Shape{3, 2})}}),
                StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("rows [0, 3)")));
  }
}

TEST(RopeTest, KnownAngles) {
  // One pair turns by its position in radians; of a second, with theta 100, by a tenth of it.
  const HostTensor x = F64s({1, 1, 1, 4}, {1, 0, 0, 1});
  const double s = std::sin(1), c = std::cos(1), s2 = std::sin(0.1), c2 = std::cos(0.1);
  EXPECT_THAT(Values("rope", {x, I32s({1, 1}, {1})}, {{"theta", Attr(100.0)}}),
              Near({c, -s2, s, c2}));
  EXPECT_THAT(
      Values("rope", {x, I32s({1, 1}, {1})}, {{"theta", Attr(100.0)}, {"interleaved", Attr(true)}}),
      Near({c, s, -s2, c2}));
}

TEST(RopeTest, InverseTurnsBackAndDotsDependOnDistanceOnly) {
  const HostTensor q = F64s({1, 1, 1, 4}, {1, 2, 3, 4}), k = F64s({1, 1, 1, 4}, {-1, 0.5, 2, 1});
  const auto turn = [](const HostTensor& x, int32_t position, bool inverse) {
    return F64s({1, 1, 1, 4}, Values("rope", {x, I32s({1, 1}, {position})},
                                     {{"theta", Attr(10000.0)}, {"inverse", Attr(inverse)}}));
  };
  EXPECT_THAT(turn(turn(q, 37, false), 37, true).ToDoubles(), Near({1, 2, 3, 4}));
  const auto dot = [&](int32_t i, int32_t j) {
    const HostTensor a = turn(q, i, false), b = turn(k, j, false);
    double sum = 0;
    for (int d = 0; d < 4; ++d) sum += a.data<double>()[d] * b.data<double>()[d];
    return sum;
  };
  EXPECT_NEAR(dot(3, 1), dot(103, 101), 1e-10);
}

const Attributes kCausal = {{"scale", Attr(1.0)}, {"causal", Attr(true)}};

TEST(AttentionTest, CausalRowsSeeTheirPast) {
  // Scores are all 0: each query takes the mean of the values that it sees.
  const HostTensor q = HostTensor::Zeros(chips::F64, {1, 3, 1, 1});
  const HostTensor v = F64s({1, 3, 1, 1}, {1, 3, 8});
  EXPECT_THAT(Values("attention", {q, q, v}, kCausal), Near({1, 2, 4}));
  EXPECT_THAT(Values("attention", {q, q, v}, kCausal, 1), Near({0, std::log(2), std::log(3)}));
  EXPECT_THAT(Values("attention", {q, q, v}, {{"scale", Attr(1.0)}, {"causal", Attr(false)}}),
              Near({4, 4, 4}));
}

TEST(AttentionTest, StartSaysHowMuchOfTheCacheIsSeen) {
  const HostTensor q = HostTensor::Zeros(chips::F64, {3, 1, 1, 1});
  const HostTensor k = HostTensor::Zeros(chips::F64, {3, 4, 1, 1});
  const HostTensor v = F64s({3, 4, 1, 1}, {1, 3, 8, 100, 1, 3, 8, 100, 1, 3, 8, 100});
  EXPECT_THAT(Values("attention", {q, k, v, I32s({3}, {0, 1, 3})}, kCausal), Near({1, 2, 28}));
  // A row that has no token yet, and one beyond the end.
  EXPECT_THAT(Values("attention", {q, k, v, I32s({3}, {-1, 2, 9})}, kCausal), Near({0, 4, 28}));
  EXPECT_EQ(Values("attention", {q, k, v, I32s({3}, {-1, 2, 9})}, kCausal, 1)[0],
            -std::numeric_limits<double>::infinity());
}

TEST(AttentionTest, QueryHeadsShareKeyHeadsInOrder) {
  const HostTensor q = HostTensor::Zeros(chips::F64, {1, 1, 4, 1});
  const HostTensor v = F64s({1, 1, 2, 1}, {5, 9});
  EXPECT_THAT(Values("attention", {q, v, v}, kCausal), Near({5, 5, 9, 9}));
}

TEST(AttentionTest, LargeScoresDoNotOverflow) {
  const HostTensor q = F64s({1, 1, 1, 1}, {1000}), k = F64s({1, 2, 1, 1}, {1000, 999});
  EXPECT_THAT(Values("attention", {q, k, F64s({1, 2, 1, 1}, {3, 4})}, kCausal), Near({3}));
  EXPECT_THAT(Values("attention", {q, k, k}, kCausal, 1), Near({1e6}));
}

TEST(CacheUpdateTest, RowsGoToTheirOwnPlace) {
  const HostTensor cache = HostTensor::Zeros(chips::F64, {2, 3, 1, 1});
  const HostTensor fresh = F64s({2, 2, 1, 1}, {1, 2, 3, 4});
  EXPECT_THAT(Values("cache_update", {cache, fresh, I32s({2}, {0, 1})}), Near({1, 2, 0, 0, 3, 4}));
  for (const int32_t bad : {-1, 2}) {
    EXPECT_THAT(Evaluate("cache_update", {cache, fresh, I32s({2}, {0, bad})}),
                StatusIs(absl::StatusCode::kOutOfRange,
                         AllOf(HasSubstr("row 1"), HasSubstr("a cache of 3 slots"))));
  }
}

TEST(CrossEntropyTest, UniformLogitsAndIgnoredRows) {
  const HostTensor logits = HostTensor::Zeros(chips::F64, {3, 4}),
                   targets = I32s({3}, {0, -100, 3});
  const double log4 = std::log(4);
  EXPECT_THAT(Values("cross_entropy", {logits, targets}), Near({log4, 0, log4}));
  EXPECT_THAT(Values("cross_entropy", {logits, targets}, {}, 1), Near({log4, log4, log4}));
  EXPECT_THAT(Values("cross_entropy_gradient",
                     {logits, targets, F64s({3}, {log4, log4, log4}), F64s({3}, {1, 1, 2})}),
              Near({-0.75, 0.25, 0.25, 0.25, 0, 0, 0, 0, 0.5, 0.5, 0.5, -1.5}));
  EXPECT_THAT(Evaluate("cross_entropy", {logits, I32s({3}, {0, 4, 0})}),
              StatusIs(absl::StatusCode::kOutOfRange,
                       HasSubstr("element 1 is 4; there are classes [0, 4)")));
}

TEST(CrossEntropyTest, LargeLogitsDoNotOverflow) {
  EXPECT_THAT(Values("cross_entropy", {F64s({1, 2}, {1e6, 0}), I32s({1}, {1})}), Near({1e6}));
}

// Faults of inference: op, operand types, attributes, and what the message says.
struct BadCall {
  const char* op;
  std::vector<TensorType> inputs;
  Attributes attributes;
  const char* message;
};

TensorType F32(Shape shape) { return {chips::F32, std::move(shape)}; }
TensorType I32(Shape shape) { return {chips::I32, std::move(shape)}; }

TEST(InferenceTest, FaultsNameTheOperandAndTheRemedy) {
  const Attributes epsilon = {{"epsilon", Attr(1e-5)}}, theta = {{"theta", Attr(1e4)}};
  const Attributes adamw = {{"beta1", Attr(0.9)},
                            {"beta2", Attr(1.0)},
                            {"epsilon", Attr(0.0)},
                            {"weight_decay", Attr(0.0)}};
  Attributes decay = adamw;
  decay["beta2"] = Attr(0.9);
  decay["weight_decay"] = Attr(-0.1);
  const Shape qkv = {2, 5, 4, 8};
  const BadCall calls[] = {
      {"softmax", {I32({3})}, {}, "x: is i32[3]; must be of a float dtype"},
      {"softmax", {F32({})}, {}, "x: is f32[]; must be [..., C]"},
      {"softmax", {F32({2}), F32({2})}, {}, "has 2 inputs; takes 1"},
      {"layer_norm",
       {F32({2, 3}), F32({2}), F32({3})},
       epsilon,
       "gamma: is f32[2]; must be of shape [3]"},
      {"layer_norm",
       {F32({"B", "C"}), F32({"C"}), F32({"B"})},
       epsilon,
       "beta: is f32[B]; must be of shape [C]"},
      {"layer_norm", {F32({3}), F32({3}), F32({3})}, {}, "attribute 'epsilon' (float) is missing"},
      {"rms_norm",
       {F32({3}), {chips::BF16, {3}}},
       epsilon,
       "gamma: is bf16[3]; must be of dtype f32"},
      {"rms_norm", {F32({3}), F32({3})}, {{"epsilon", Attr(-1.0)}}, "epsilon: is negative"},
      {"gelu", {I32({3})}, {{"approximate", Attr(true)}}, "x: is i32[3]"},
      {"gelu", {F32({3})}, {{"approximate", Attr(1.0)}}, "attribute 'approximate' must be a bool"},
      {"silu", {{chips::BOOL, {3}}}, {}, "x: is bool[3]"},
      {"embedding", {F32({5}), I32({3})}, {}, "table: is f32[5]; must be [V, C]"},
      {"embedding", {F32({5, 2}), F32({3})}, {}, "ids: is f32[3]; must be of dtype i32 (a cast"},
      {"embedding_gradient",
       {I32({3}), F32({3, 4})},
       {{"dims", Attr(Shape{9, 5})}},
       "dout: is f32[3, 4]; must be of shape [3, 5]"},
      {"embedding_gradient",
       {I32({3}), F32({3, 4})},
       {{"dims", Attr(Shape{4})}},
       "dims: is f32[4]; must be [V, C]"},
      {"rope", {F32({2, 5, 4, 7}), I32({2, 5})}, theta, "the last dim must be an even number"},
      {"rope", {F32({2, 5, 4, "D"}), I32({2, 5})}, theta, "the last dim must be an even number"},
      {"rope", {F32(qkv), I32({5})}, theta, "positions: is i32[5]; must be of shape [2, 5]"},
      {"rope", {F32(qkv), I32({2, 5})}, {{"theta", Attr(0.0)}}, "theta: must be above 0"},
      {"attention",
       {F32({5, 4, 8}), F32(qkv), F32(qkv)},
       kCausal,
       "q: is f32[5, 4, 8]; must be [B, T, H, D]"},
      {"attention",
       {F32(qkv), F32({2, 5, 3, 8}), F32({2, 5, 3, 8})},
       kCausal,
       "k: has 3 heads, which do not divide q's 4"},
      {"attention",
       {F32(qkv), F32({2, 5, 4, 6}), F32(qkv)},
       kCausal,
       "k: is f32[2, 5, 4, 6]; must be of shape [2, 5, 4, 8]"},
      {"attention", {F32(qkv), F32(qkv), F32({2, 6, 4, 8})}, kCausal, "v: is f32[2, 6, 4, 8]"},
      {"attention",
       {F32(qkv), F32(qkv), F32(qkv), I32({3})},
       kCausal,
       "start: is i32[3]; must be of shape [2]"},
      {"attention_gradient",
       {F32(qkv), F32(qkv), F32(qkv), F32(qkv), F32({2, 5, 4}), F32(qkv)},
       kCausal,
       "lse: is f32[2, 5, 4]; must be of shape [2, 4, 5]"},
      {"cache_update",
       {F32({2, 3, 1, 4}), F32({2, 5, 1, 4}), I32({2})},
       {},
       "new: has 5 tokens; the cache has room for 3"},
      {"cache_update",
       {F32({2, 3, 1, 4}), F32({2, 1, 2, 4}), I32({2})},
       {},
       "new: is f32[2, 1, 2, 4]; must be of shape [2, 1, 1, 4]"},
      {"cross_entropy", {F32({2, 3}), I32({3})}, {}, "targets: is i32[3]; must be of shape [2]"},
      {"cross_entropy",
       {F32({2, 3}), {chips::I64, {2}}},
       {},
       "targets: is i64[2]; must be of dtype i32"},
      {"cross_entropy_gradient",
       {{chips::BF16, {2, 3}}, I32({2}), {chips::BF16, {2}}, F32({2})},
       {},
       "lse: is bf16[2]; must be of dtype f32"},
      {"adamw",
       {{chips::BF16, {3}}, F32({3}), F32({3}), F32({3}), F32({}), F32({})},
       decay,
       "keep the master copy in f32"},
      {"adamw",
       {F32({3}), F32({3}), F32({3}), F32({3}), F32({1}), F32({})},
       decay,
       "lr: is f32[1]; must be of shape []"},
      {"adamw",
       {F32({3}), F32({3}), F32({3}), F32({3}), F32({}), F32({})},
       adamw,
       "beta2: 1 is outside [0, 1)"},
      {"adamw",
       {F32({3}), F32({3}), F32({3}), F32({3}), F32({}), F32({})},
       decay,
       "weight_decay: is negative"},
  };
  RegisterAllOps();
  for (const BadCall& bad : calls) {
    Node node;
    node.set_op(bad.op);
    SetAttributes(bad.attributes, &node);
    EXPECT_THAT(InferTypes(*OpRegistry::Get().Find(bad.op), {&node, bad.inputs, {}}),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr(bad.op), HasSubstr(bad.message))));
  }
}

Work WorkOfCall(const std::string& op, const std::vector<TensorType>& inputs,
                const Attributes& attributes = {}) {
  RegisterAllOps();
  const OpDef* def = OpRegistry::Get().Find(op);
  Node node;
  node.set_op(op);
  SetAttributes(attributes, &node);
  OpCall call{&node, inputs, {}};
  const absl::StatusOr<std::vector<TensorType>> types = InferTypes(*def, call);
  EXPECT_THAT(types, IsOk());
  if (types.ok()) call.outputs = *types;
  return WorkOf(*def, call);
}

TEST(WorkTest, AttentionCountsThePairsThatAreSeen) {
  // 2 rows, 3 heads; causal: 1 + 2 + 3 + 4 = 10 pairs a head; with S = 6 and T = 4: 3 + 4 + 5 + 6.
  const TensorType q = F32({2, 4, 3, 8}), k = F32({2, 6, 3, 8});
  const Attributes full = {{"scale", Attr(1.0)}, {"causal", Attr(false)}};
  const double queries = 2 * 4 * 3;
  const auto flops = [&](double pairs) { return 6 * pairs * (4 * 8 + 5) + queries * (8 + 3); };
  EXPECT_EQ(WorkOfCall("attention", {q, q, q}, kCausal).flops, flops(10));
  EXPECT_EQ(WorkOfCall("attention", {q, k, k}, kCausal).flops, flops(18));
  EXPECT_EQ(WorkOfCall("attention", {q, k, k}, full).flops, flops(24));
  EXPECT_EQ(WorkOfCall("attention_gradient", {q, q, q, q, F32({2, 3, 4}), q}, kCausal).flops,
            6 * 10 * (10 * 8 + 6) + queries * 2 * 8);
}

TEST(WorkTest, OnlyTheRowsThatAreUsedAreRead) {
  const Work look_up = WorkOfCall("embedding", {F32({50000, 16}), I32({2, 3})});
  EXPECT_EQ(look_up.flops, 0);
  EXPECT_EQ(look_up.bytes_read, 6 * 4 + 6 * 16 * 4);
  EXPECT_EQ(look_up.bytes_written, 6 * 16 * 4);
  const Work update =
      WorkOfCall("cache_update", {F32({2, 900, 2, 4}), F32({2, 1, 2, 4}), I32({2})});
  EXPECT_EQ(update.bytes_read, 16 * 4 + 2 * 4);
  EXPECT_EQ(update.bytes_written, 16 * 4);
}

TEST(WorkTest, TheOthers) {
  EXPECT_EQ(WorkOfCall("softmax", {F32({3, 10})}).flops, 5 * 30 + 3);
  EXPECT_EQ(WorkOfCall("softmax", {F32({3, 0})}).flops, 0);
  EXPECT_EQ(WorkOfCall("cross_entropy", {F32({3, 10}), I32({3})}).flops, 4 * 30 + 9);
  EXPECT_EQ(WorkOfCall("embedding_gradient", {I32({3}), F32({3, 4})}, {{"dims", Attr(Shape{9, 4})}})
                .flops,
            12);
}

// How many different nodes of each op there are when equal ones are one: what CSE leaves.
std::map<std::string, int> CountDistinct(const Graph& graph) {
  std::map<std::string, uint32_t> first;
  std::map<std::string, int> counts;
  std::vector<uint32_t> same(static_cast<size_t>(graph.values_size()));
  for (uint32_t id = 0; id < same.size(); ++id) same[id] = id;
  for (const Node& node : graph.nodes()) {
    Node key = node;
    key.clear_origin();
    key.clear_outputs();
    for (uint32_t& id : *key.mutable_inputs()) id = same[id];
    const auto [it, fresh] = first.emplace(key.SerializeAsString(), node.outputs(0));
    same[node.outputs(0)] = it->second;
    if (fresh) ++counts[node.op()];
  }
  return counts;
}

// A graph of an op's decomposition and its gradient.
std::map<std::string, int> CountForwardAndBackward(const std::string& op,
                                                   const std::vector<TensorType>& types,
                                                   const Attributes& attributes) {
  Builder b("both");
  std::vector<ValueId> inputs;
  for (size_t i = 0; i < types.size(); ++i) {
    inputs.push_back(b.Input(absl::StrCat("x", i), types[i], DATA));
  }
  const ValueId dy = b.Input("dy", types[0], DATA);
  Node node;
  node.set_op(op);
  SetAttributes(attributes, &node);
  const OpDef* def = OpRegistry::Get().Find(op);
  const OpCall call{&node, types, {types[0]}};
  const auto outputs = def->decompose(b, call, inputs);
  EXPECT_THAT(outputs, IsOk());
  GradientContext context{b, call, inputs, *outputs, {dy}, std::vector<bool>(inputs.size(), true)};
  EXPECT_THAT(def->gradient(context), IsOk());
  EXPECT_OK(b.status());
  return CountDistinct(b.graph());
}

TEST(SharingTest, BackwardTakesTheStatisticsOfForward) {
  const Attributes epsilon = {{"epsilon", Attr(1e-5)}};
  const TensorType x = F32({"B", 8}), c = F32({8});
  std::map<std::string, int> counts = CountForwardAndBackward("layer_norm", {x, c, c}, epsilon);
  EXPECT_EQ(counts["rsqrt"], 1);
  EXPECT_EQ(counts["reduce_mean"], 4);  // mean and variance; two of the gradient
  EXPECT_EQ(counts["sum_to"], 2);
  counts = CountForwardAndBackward("rms_norm", {x, c}, epsilon);
  EXPECT_EQ(counts["rsqrt"], 1);
  EXPECT_EQ(counts["reduce_mean"], 2);
  counts = CountForwardAndBackward("softmax", {x}, {});
  EXPECT_EQ(counts["exp"], 1);
  EXPECT_EQ(counts["reduce_max"], 1);
  EXPECT_EQ(counts["reduce_sum"], 2);
  counts = CountForwardAndBackward("gelu", {x}, {{"approximate", Attr(true)}});
  EXPECT_EQ(counts["sigmoid"], 1);
  counts = CountForwardAndBackward("gelu", {x}, {{"approximate", Attr(false)}});
  EXPECT_EQ(counts["erf"], 1);
  counts = CountForwardAndBackward("silu", {x}, {});
  EXPECT_EQ(counts["sigmoid"], 1);
}

// 16-bit floats compute their statistics in f32 and round once at the end.
TEST(SharingTest, NarrowFloatsAreWidenedOnce) {
  const TensorType x = {chips::BF16, {2, 8}}, c = {chips::BF16, {8}};
  const std::map<std::string, int> counts =
      CountForwardAndBackward("layer_norm", {x, c, c}, {{"epsilon", Attr(1e-5)}});
  // In: x, gamma, beta, dy. Out: y, dx, dgamma, dbeta.
  EXPECT_EQ(counts.at("cast"), 8);
}

TEST(GradientTest, WhatHasNoGradientSaysSo) {
  const auto gradient = [](bool with_start, bool through_lse) {
    Builder b("attention");
    const TensorType qkv = F32({1, 2, 1, 4});
    std::vector<ValueId> inputs = {b.Input("q", qkv, DATA), b.Input("k", qkv, DATA),
                                   b.Input("v", qkv, DATA)};
    if (with_start) inputs.push_back(b.Input("start", I32({1}), DATA));
    const std::vector<ValueId> outputs = b.ApplyMulti("attention", inputs, kCausal);
    const Node node = b.graph().nodes(0);
    GradientContext context{b,
                            CallOf(b.graph(), node),
                            inputs,
                            outputs,
                            {outputs[0], through_lse ? outputs[1] : kNoValue},
                            std::vector<bool>(inputs.size(), true)};
    return OpRegistry::Get().Find("attention")->gradient(context).status();
  };
  EXPECT_OK(gradient(false, false));
  EXPECT_THAT(gradient(true, false),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("`start`")));
  EXPECT_THAT(gradient(false, true), StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("lse")));
}

}  // namespace
}  // namespace strata::graph
