// A GPT block of framework/nn on the simulated machines, prefill and decode, in bf16: what the machine's
// arithmetic says, bit for bit, and what the model says, as near as bf16 comes.
#include <cmath>
#include <cstring>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/status_matchers.h"
#include "compiler/driver/npu_exact_run.h"
#include "framework/graph/interpreter.h"
#include "framework/nn/attention.h"
#include "framework/nn/mlp.h"
#include "framework/nn/normalization.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using framework::Init;
using framework::Tensor;
using graph::Attr;
using graph::Graph;
using graph::HostTensor;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr int64_t kWidth = 48, kHeads = 3;

struct Model {
  Graph graph;
  std::vector<HostTensor> inputs;
};

// Weights of the size that makes a block do something; what rows have so far, tokens' places.
std::vector<HostTensor> InputsOf(const Graph& graph) {
  std::vector<HostTensor> inputs;
  for (const graph::Input& input : graph.inputs()) {
    const graph::Value& value = graph.values(static_cast<int>(input.value()));
    const graph::TensorType type = graph::TypeOf(value);
    if (type.dtype == chips::I32) {
      HostTensor numbers = HostTensor::Zeros(chips::I32, type.dims());
      for (int64_t i = 0; i < numbers.elements(); ++i) {
        numbers.data<int32_t>()[i] = static_cast<int32_t>(3 * i + 2);
      }
      inputs.push_back(std::move(numbers));
      continue;
    }
    const bool gain = value.name().starts_with("ln_") && value.name().ends_with("weight");
    const double deviation = input.kind() == graph::PARAMETER ? 0.1 : 1;
    const Init init = gain ? Init::Ones() : Init::Normal(deviation);
    inputs.push_back(framework::InitParameter({value.name(), type.dims(), chips::F32, init}, 7));
  }
  return inputs;
}

Model Finish(graph::Builder b, const Tensor& y) {
  b.Output(y.id(), "y", graph::SHARDED);
  absl::StatusOr<Graph> graph = std::move(b).Build();
  EXPECT_OK(graph.status());
  std::vector<HostTensor> inputs = InputsOf(*graph);
  return {*std::move(graph), std::move(inputs)};
}

// x + attention(norm(x)), then x + mlp(norm(x)); with a cache of `slots` tokens a row when above 0.
Model Block(int64_t batch, int64_t tokens, int64_t slots, int64_t width = kWidth,
            int64_t heads = kHeads) {
  graph::Builder b("block");
  framework::ParameterSet parameters(b, chips::F32);
  Tensor x = framework::Input(b, "x", {chips::F32, {batch, tokens, width}}, graph::DATA);
  const framework::LayerNorm first(parameters, {.name = "ln_1", .width = width});
  const framework::CausalSelfAttention attention(
      parameters, {.name = "attn", .width = width, .heads = heads, .fused_qkv = true});
  const framework::LayerNorm second(parameters, {.name = "ln_2", .width = width});
  const framework::Mlp mlp(parameters, {.name = "mlp", .width = width, .hidden = 4 * width});
  if (slots > 0) {
    const Tensor start = framework::Input(b, "start", {chips::I32, {batch}}, graph::DATA);
    const framework::KvCache cache =
        framework::MakeKvCache(b, "attn", chips::F32, {batch, slots, heads, width / heads}, start);
    x = x + attention.Forward(first.Forward(x), {}, &cache);
  } else {
    x = x + attention.Forward(first.Forward(x));
  }
  x = x + mlp.Forward(second.Forward(x));
  return Finish(std::move(b), x);
}

// Llama's: rotary positions, heads that share keys, a gated feed-forward, weights the other way round.
Model LlamaBlock(int64_t batch, int64_t tokens) {
  graph::Builder b("llama_block");
  framework::ParameterSet parameters(b, chips::F32);
  Tensor x = framework::Input(b, "x", {chips::F32, {batch, tokens, kWidth}}, graph::DATA);
  const Tensor positions =
      framework::Input(b, "positions", {chips::I32, {batch, tokens}}, graph::DATA);
  const framework::RmsNorm first(parameters, {.name = "ln_1", .width = kWidth});
  const framework::CausalSelfAttention attention(parameters, {.name = "attn",
                                                              .width = kWidth,
                                                              .heads = 6,
                                                              .kv_heads = 2,
                                                              .bias = false,
                                                              .output_bias = false,
                                                              .transposed_weight = true,
                                                              .rope_theta = 10000});
  const framework::RmsNorm second(parameters, {.name = "ln_2", .width = kWidth});
  const framework::GatedMlp mlp(parameters, {.name = "mlp", .width = kWidth, .hidden = 2 * kWidth});
  x = x + attention.Forward(first.Forward(x), positions);
  x = x + mlp.Forward(second.Forward(x));
  return Finish(std::move(b), x);
}

// The device's results; they are those of the machine's arithmetic on the graph after the passes.
std::vector<HostTensor> RunExactly(const std::string& machine, const NpuCompiled& compiled,
                                   const std::vector<HostTensor>& inputs) {
  const absl::StatusOr<NpuResults> results = RunOnMachine(machine, compiled, inputs);
  EXPECT_OK(results.status());
  if (!results.ok()) return {};
  const std::vector<HostTensor>&got = results->got, &want = results->want;
  EXPECT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_EQ(got[i].TypeString(), want[i].TypeString());
    EXPECT_EQ(std::memcmp(got[i].raw(), want[i].raw(), want[i].size_bytes()), 0)
        << "output " << i << " differs in its bits";
  }
  return got;
}

std::set<std::string> HostOps(const plan::Plan& plan) {
  std::set<std::string> ops;
  for (const plan::Step& step : plan.steps()) {
    if (step.has_host_call()) ops.insert(step.host_call().node().op());
  }
  return ops;
}

double Rms(const std::vector<double>& x, const std::vector<double>& y) {
  double sum = 0;
  for (size_t i = 0; i < x.size(); ++i) sum += (x[i] - y[i]) * (x[i] - y[i]);
  return std::sqrt(sum / static_cast<double>(x.size()));
}

// What the block adds to x, with bf16 products and without. Rounding to bf16 errs by up to 2^-9 of a
// number; x goes through six products of two rounded operands each, whose errors add up as squares, and
// through functions with slopes of about one: allowed is twice that.
void ExpectNear(const Model& model, const std::vector<HostTensor>& got) {
  STRATA_ASSERT_OK_AND_ASSIGN(const auto right,
                              graph::Interpreter().Evaluate(model.graph, CloneAll(model.inputs)));
  const double allowed = 2 * std::sqrt(12.0) / 512;
  const std::vector<double> x = model.inputs[0].ToDoubles();
  ASSERT_EQ(got.size(), right.size());
  size_t y = 0;  // which of the results is the block's, and not the cache
  while (y + 1 < right.size() && right[y].rank() != 3) ++y;
  const double added = Rms(right[y].ToDoubles(), x);
  EXPECT_GT(added, 0.1) << "the block does something";
  EXPECT_LT(Rms(got[y].ToDoubles(), right[y].ToDoubles()), allowed * added);
}

class NpuGpt : public ::testing::TestWithParam<std::string> {};

TEST_P(NpuGpt, PrefillIsExact) {
  for (const int64_t tokens : {17, 64}) {
    const Model model = Block(2, tokens, 0);
    STRATA_ASSERT_OK_AND_ASSIGN(const NpuCompiled compiled,
                                CompileForMachine(GetParam(), model.graph, chips::BF16));
    EXPECT_THAT(HostOps(compiled.plan), IsEmpty()) << "all of it is the machine's";
    ExpectNear(model, RunExactly(GetParam(), compiled, model.inputs));
  }
}

// GPT-2's own size: every tile of a product has neighbours along each of its dims.
TEST_P(NpuGpt, PrefillOfABlockOfGpt2IsExact) {
  const Model model = Block(1, 32, 0, /*width=*/768, /*heads=*/12);
  STRATA_ASSERT_OK_AND_ASSIGN(const NpuCompiled compiled,
                              CompileForMachine(GetParam(), model.graph, chips::BF16));
  EXPECT_THAT(HostOps(compiled.plan), IsEmpty());
  RunExactly(GetParam(), compiled, model.inputs);
}

TEST_P(NpuGpt, DecodingIsExact) {
  const Model model = Block(3, 1, 20);
  STRATA_ASSERT_OK_AND_ASSIGN(const NpuCompiled compiled,
                              CompileForMachine(GetParam(), model.graph, chips::BF16));
  // Where a token goes in the cache is known only when it runs.
  EXPECT_THAT(HostOps(compiled.plan), UnorderedElementsAre("cache_update"));
  ExpectNear(model, RunExactly(GetParam(), compiled, model.inputs));
}

TEST_P(NpuGpt, ALlamaBlockIsExact) {
  const Model model = LlamaBlock(2, 19);
  STRATA_ASSERT_OK_AND_ASSIGN(const NpuCompiled compiled,
                              CompileForMachine(GetParam(), model.graph, chips::BF16));
  EXPECT_THAT(HostOps(compiled.plan), IsEmpty());
  ExpectNear(model, RunExactly(GetParam(), compiled, model.inputs));
}

INSTANTIATE_TEST_SUITE_P(Machines, NpuGpt,
                         ::testing::Values("edge_16", "edge_16_os", "tpu_v4_like"),
                         [](const auto& info) { return info.param; });

// A product of fp8 numbers, as a network in that format has it: both operands scaled and cast.
TEST(NpuFp8, MatmulIsExact) {
  for (const auto& [machine, type] : {std::pair{"edge_16", chips::F8_E4M3},
                                      {"edge_16", chips::F8_E5M2},
                                      {"edge_16_os", chips::F8_E4M3},
                                      {"edge_16_os", chips::F8_E5M2}}) {
    SCOPED_TRACE(machine);
    graph::Builder b("fp8");
    const auto x = b.Input("x", {chips::F32, {21, 70}}, graph::DATA);
    const auto w = b.Input("w", {type, {70, 33}}, graph::PARAMETER);
    const auto scaled = b.Apply("mul", {x, b.Constant(16, chips::F32)});
    const auto narrow = b.Apply("cast", {scaled}, {{"dtype", Attr(type)}});
    const auto product = b.Apply("matmul", {narrow, w});
    b.Output(b.Apply("mul", {product, b.Constant(1.0 / 16, chips::F32)}), "y");
    STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
    const auto numbers = [](const char* name, std::vector<int64_t> dims) {
      return framework::InitParameter({name, std::move(dims), chips::F32, Init::Normal(1)}, 3);
    };
    const std::vector<HostTensor> inputs = {numbers("x", {21, 70}),
                                            numbers("w", {70, 33}).Cast(type)};
    STRATA_ASSERT_OK_AND_ASSIGN(const NpuCompiled compiled,
                                CompileForMachine(machine, graph, chips::DTYPE_UNSPECIFIED));
    EXPECT_THAT(HostOps(compiled.plan), IsEmpty());
    RunExactly(machine, compiled, inputs);
  }
}

}  // namespace
}  // namespace strata::compiler
