#include "compiler/pass/fusion.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "compiler/codegen/expect_equal.h"
#include "framework/autodiff/gradients.h"
#include "framework/graph/attributes.h"
#include "framework/graph/builder.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/text.h"
#include "framework/graph/verifier.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::AttributeReader;
using graph::Builder;
using graph::Graph;
using graph::Node;
using graph::Shape;
using graph::ValueId;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

ValueId F32(Builder& b, const std::string& name, const Shape& shape) {
  return b.Input(name, {chips::F32, shape}, graph::PARAMETER);
}

// What the compiler does before fusion.
Graph Prepared(Builder b) {
  RegisterAllPasses();
  auto graph = std::move(b).Build();
  EXPECT_OK(graph.status());
  PassContext context;
  context.library_ops = {"matmul", "contract_leading", "attention", "attention_gradient"};
  EXPECT_OK(
      RunPipeline({"decompose", "constant_folding", "algebraic", "cse", "dce"}, context, &*graph));
  return *graph;
}

Graph Fused(const Graph& graph) {
  Graph fused = graph;
  EXPECT_OK(RunPipeline({"fusion"}, PassContext(), &fused));
  return fused;
}

std::vector<std::string> OpsOf(const Graph& graph) {
  std::vector<std::string> ops;
  for (const Node& node : graph.nodes()) {
    ops.push_back(node.op() == "fusion" ? AttributeReader(node).String("kind") : node.op());
  }
  return ops;
}

int CountInside(const Node& fusion, const std::string& op) {
  return static_cast<int>(std::count_if(fusion.regions(0).nodes().begin(),
                                        fusion.regions(0).nodes().end(),
                                        [&](const Node& node) { return node.op() == op; }));
}

// The pass keeps what the graph computes: interpreted exactly, emitted up to rounding.
void ExpectSameResults(const Graph& before, const Graph& after) {
  const std::vector<graph::HostTensor> inputs = RandomInputs(before);
  const auto clone = [&] {
    std::vector<graph::HostTensor> copies;
    for (const graph::HostTensor& input : inputs) copies.push_back(input.Clone());
    return copies;
  };
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::Interpreter().Evaluate(before, clone()));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto got, graph::Interpreter().Evaluate(after, clone()));
  for (size_t o = 0; o < want.size(); ++o) {
    const std::vector<double> a = want[o].ToDoubles(), b = got[o].ToDoubles();
    double scale = 0;
    for (double value : a) scale = std::max(scale, std::abs(value));
    for (size_t i = 0; i < a.size(); ++i)
      ASSERT_NEAR(a[i], b[i], 1e-6 * scale) << before.outputs(static_cast<int>(o)).name();
  }
  ExpectEmittedEquals(after, before, {.tolerance = 3e-5, .allow_host = true});
}

TEST(FusionTest, ResidualAndLayerNormAreOneRowKernel) {
  Builder b("block");
  const ValueId x = F32(b, "x", {2, 3, 32}), y = F32(b, "y", {2, 3, 32}),
                bias = F32(b, "bias", {32});
  const ValueId sum = b.Apply("add", {x, b.Apply("add", {y, bias})});
  const ValueId norm = b.Apply("layer_norm", {sum, F32(b, "gamma", {32}), F32(b, "beta", {32})},
                               {{"epsilon", Attr(1e-5)}});
  b.Output(sum, "sum");
  b.Output(norm, "norm");
  const Graph before = Prepared(std::move(b));
  const Graph after = Fused(before);
  EXPECT_THAT(OpsOf(after), ElementsAre("row"));
  EXPECT_EQ(after.nodes(0).outputs_size(), 2);
  EXPECT_EQ(after.nodes(0).inputs_size(), 5);
  ExpectSameResults(before, after);
}

TEST(FusionTest, CheapProducersAreRecomputed) {
  // The sum is wanted on both sides of a matmul; it is not written.
  Builder b("recompute");
  const ValueId x = F32(b, "x", {4, 16}), bias = F32(b, "bias", {16}), w = F32(b, "w", {16, 16});
  const ValueId sum = b.Apply("add", {x, bias});
  const ValueId h = b.Apply("matmul", {b.Apply("tanh", {sum}), w});
  b.Output(b.Apply("mul", {h, sum}), "y");
  const Graph before = Prepared(std::move(b));
  const Graph after = Fused(before);
  EXPECT_THAT(OpsOf(after), ElementsAre("loop", "matmul", "loop"));
  EXPECT_EQ(after.nodes(0).outputs_size(), 1);
  EXPECT_EQ(CountInside(after.nodes(2), "add"), 1);
  ExpectSameResults(before, after);
}

TEST(FusionTest, ProducersOfSeveralOperandsAreWrittenOnce) {
  Builder b("write");
  const ValueId x = F32(b, "x", {4, 16}), y = F32(b, "y", {4, 16}), w = F32(b, "w", {16, 16});
  const ValueId sum = b.Apply("add", {x, y});
  const ValueId h = b.Apply("matmul", {b.Apply("tanh", {sum}), w});
  b.Output(b.Apply("mul", {h, sum}), "z");
  const Graph before = Prepared(std::move(b));
  const Graph after = Fused(before);
  EXPECT_THAT(OpsOf(after), ElementsAre("loop", "matmul", "mul"));
  EXPECT_EQ(after.nodes(0).outputs_size(), 2);
  ExpectSameResults(before, after);
}

// The gradients of a layer norm's gain and bias read the same gradient: one kernel reads it once, whatever else reads it
// between them.
TEST(FusionTest, KernelsThatShareAnOperandAreOne) {
  Builder b("horizontal");
  const ValueId dy = F32(b, "dy", {48, 64}), x = F32(b, "x", {48, 64}), w = F32(b, "w", {64, 64});
  const auto sum = [&](ValueId v, int64_t axis) {
    return b.Apply("reduce_sum", {v}, {{"axes", Attr(std::vector<int64_t>{axis})}});
  };
  b.Output(sum(b.Apply("mul", {dy, x}), 0), "dgamma");
  b.Output(sum(b.Apply("square", {dy}), 1), "rows");  // of another kind
  b.Output(b.Apply("matmul", {dy, w}), "dx");
  b.Output(sum(dy, 0), "dbeta");
  const Graph before = Prepared(std::move(b));
  const Graph after = Fused(before);
  EXPECT_THAT(OpsOf(after), UnorderedElementsAre("column", "row", "matmul"));
  ExpectSameResults(before, after);
}

// Behind clipping no update can join the kernel that made its gradient; the small ones share launches.
TEST(FusionTest, SmallUpdatesShareAKernel) {
  Builder b("updates");
  const ValueId scale = F32(b, "scale", {}), lr = b.Input("lr", {chips::F32, {}}, graph::DATA),
                step = b.Input("step", {chips::F32, {}}, graph::DATA);
  const auto update = [&](const std::string& name, const Shape& shape) {
    const graph::TensorType type{chips::F32, shape};
    const ValueId p = b.Input(name, type, graph::PARAMETER);
    const ValueId m = b.Input(name + ".m", type, graph::STATE),
                  v = b.Input(name + ".v", type, graph::STATE);
    const ValueId gradient = b.Apply("mul", {b.Input(name + ".g", type, graph::DATA), scale});
    const std::vector<ValueId> updated = b.ApplyMulti("adamw", {p, gradient, m, v, lr, step},
                                                      {{"beta1", Attr(0.9)},
                                                       {"beta2", Attr(0.99)},
                                                       {"epsilon", Attr(1e-3)},
                                                       {"weight_decay", Attr(0.0)}});
    b.Update(p, updated[0]);
    b.Update(m, updated[1]);
    b.Update(v, updated[2]);
  };
  for (int i = 0; i < 6; ++i) update(absl::StrCat("gain", i), {96});
  update("bias", {160});
  update("weight", {128, 128});
  const Graph before = Prepared(std::move(b));
  const Graph after = Fused(before);
  // The corrections, two kernels of three gains each, and what has a space of its own.
  EXPECT_THAT(OpsOf(after), UnorderedElementsAre("loop", "loop", "loop", "loop", "loop"));
}

TEST(FusionTest, NoCircle) {
  // x feeds the last node directly and over a matmul: with one group there would be a circle.
  Builder b("circle");
  const ValueId x = b.Apply("exp", {F32(b, "x", {8, 8})});
  const ValueId h = b.Apply("matmul", {x, x});
  b.Output(b.Apply("add", {h, x}), "y");
  b.Output(x, "x_out");
  const Graph before = Prepared(std::move(b));
  const Graph after = Fused(before);
  EXPECT_THAT(OpsOf(after), ElementsAre("exp", "matmul", "add"));
  ExpectSameResults(before, after);
}

TEST(FusionTest, BiasGradientJoinsTheKernelThatWritesItsOperand) {
  Builder b("column");
  const ValueId pre = F32(b, "pre", {6, 40}), dy = F32(b, "dy", {6, 40}), w = F32(b, "w", {40, 8});
  const ValueId dx = b.Apply("mul", {dy, b.Apply("sigmoid", {pre})});
  b.Output(b.Apply("matmul", {dx, w}), "dh");
  b.Output(b.Apply("reduce_sum", {dx}, {{"axes", Attr(std::vector<int64_t>{0})}}), "dbias");
  const Graph before = Prepared(std::move(b));
  const Graph after = Fused(before);
  EXPECT_THAT(OpsOf(after), ElementsAre("column", "matmul"));
  EXPECT_EQ(after.nodes(0).outputs_size(), 2);
  ExpectSameResults(before, after);
}

TEST(FusionTest, QueryKeyValueAreCutByOneKernel) {
  Builder b("qkv");
  const ValueId x = F32(b, "x", {2, 4, 24}), bias = F32(b, "bias", {24});
  const ValueId sum = b.Apply("add", {x, bias});
  std::vector<ValueId> parts;
  for (int64_t i = 0; i < 3; ++i) {
    const ValueId part = b.Apply(
        "slice", {sum}, {{"axis", Attr(2)}, {"start", Attr(8 * i)}, {"limit", Attr(8 * i + 8)}});
    parts.push_back(b.Apply("reshape", {part}, {{"dims", Attr(Shape{2, 4, 2, 4})}}));
  }
  b.Output(b.ApplyMulti("attention", parts, {{"scale", Attr(0.5)}, {"causal", Attr(true)}})[0],
           "y");
  const Graph before = Prepared(std::move(b));
  const Graph after = Fused(before);
  EXPECT_THAT(OpsOf(after),
              UnorderedElementsAre("loop", "reshape", "reshape", "reshape", "attention"));
  EXPECT_EQ(after.nodes(0).outputs_size(), 3);
  ExpectSameResults(before, after);
}

TEST(FusionTest, LargeFullReductionsAreSplit) {
  Builder b("norm");
  const ValueId x = F32(b, "x", {300, 512});
  b.Output(
      b.Apply("reduce_sum", {b.Apply("square", {x})}, {{"axes", Attr(std::vector<int64_t>{0, 1})}}),
      "sum");
  const Graph before = Prepared(std::move(b));
  const Graph after = Fused(before);
  EXPECT_THAT(OpsOf(after), ElementsAre("row", "reduce_sum"));
  ExpectSameResults(before, after);
}

TEST(FusionTest, OptimizerStepIsOneKernelAParameter) {
  Builder b("adamw");  // of parameters too large for a kernel to be worth sharing
  const ValueId lr = F32(b, "lr", {}), step = F32(b, "step", {});
  for (const char* name : {"w", "u"}) {
    const ValueId p = F32(b, name, {72, 64});
    std::vector<ValueId> inputs = {p};
    for (const char* suffix : {".g", ".m", ".v"})
      inputs.push_back(b.Apply("square", {F32(b, absl::StrCat(name, suffix), {72, 64})}));
    inputs.push_back(b.Apply("square", {lr}));
    inputs.push_back(b.Apply("square", {step}));
    const auto outputs = b.ApplyMulti("adamw", inputs,
                                      {{"beta1", Attr(0.9)},
                                       {"beta2", Attr(0.99)},
                                       {"epsilon", Attr(1e-8)},
                                       {"weight_decay", Attr(0.1)}});
    for (size_t i = 0; i < 3; ++i) b.Output(outputs[i], absl::StrCat(name, i));
  }
  const Graph before = Prepared(std::move(b));
  const Graph after = Fused(before);
  // The scalars that both share are a small kernel of their own.
  EXPECT_THAT(OpsOf(after), ElementsAre("loop", "loop", "loop"));
  ExpectSameResults(before, after);
}

// A transformer block with its gradient, as a training step has it.
Graph TrainingBlock(int64_t batch, int64_t time, int64_t width, int64_t heads) {
  Builder b("block");
  std::vector<ValueId> parameters;
  const auto parameter = [&](const std::string& name, const Shape& shape) {
    parameters.push_back(F32(b, name, shape));
    return parameters.back();
  };
  const auto linear = [&](ValueId x, const std::string& name, int64_t in, int64_t out) {
    const ValueId w = parameter(name + "_w", {in, out});
    return b.Apply("add", {b.Apply("matmul", {x, w}), parameter(name + "_b", {out})});
  };
  const auto norm = [&](ValueId x, const std::string& name) {
    const ValueId gamma = parameter(name + "_g", {width});
    return b.Apply("layer_norm", {x, gamma, parameter(name + "_b", {width})},
                   {{"epsilon", Attr(1e-5)}});
  };
  ValueId x = F32(b, "x", {batch, time, width});
  const ValueId qkv = linear(norm(x, "ln1"), "qkv", width, 3 * width);
  std::vector<ValueId> parts;
  for (int64_t i = 0; i < 3; ++i) {
    const ValueId part =
        b.Apply("slice", {qkv},
                {{"axis", Attr(2)}, {"start", Attr(width * i)}, {"limit", Attr(width * (i + 1))}});
    parts.push_back(
        b.Apply("reshape", {part}, {{"dims", Attr(Shape{batch, time, heads, width / heads})}}));
  }
  const ValueId attended =
      b.ApplyMulti("attention", parts, {{"scale", Attr(0.3)}, {"causal", Attr(true)}})[0];
  x = b.Apply(
      "add", {x, linear(b.Apply("reshape", {attended}, {{"dims", Attr(Shape{batch, time, width})}}),
                        "proj", width, width)});
  const ValueId h = b.Apply("gelu", {linear(norm(x, "ln2"), "fc", width, 4 * width)},
                            {{"approximate", Attr(true)}});
  x = norm(b.Apply("add", {x, linear(h, "fc2", 4 * width, width)}), "ln3");
  const ValueId loss = b.Apply("reduce_mean", {b.Apply("square", {x})},
                               {{"axes", Attr(std::vector<int64_t>{0, 1, 2})}});
  b.Output(loss, "loss");
  auto gradients = framework::Gradients(b, loss, parameters);
  EXPECT_OK(gradients.status());
  for (size_t i = 0; i < gradients->size(); ++i) b.Output((*gradients)[i], absl::StrCat("g", i));
  return Prepared(std::move(b));
}

TEST(FusionTest, TrainingBlock) {
  const Graph before = TrainingBlock(2, 5, 16, 2);
  const Graph after = Fused(before);
  // Around 8 matmuls, 4 forward and as many backward of two kinds: what remains besides the library's ops is few kernels.
  const std::vector<std::string> ops = OpsOf(after);
  const auto count = [&](const std::string& op) { return std::count(ops.begin(), ops.end(), op); };
  EXPECT_LE(count("loop") + count("row") + count("column"), 14);
  EXPECT_GE(count("row"), 5);     // three norms; two of them backward (x has no gradient)
  EXPECT_GE(count("column"), 4);  // gamma and beta, bias of fc
  for (const char* op :
       {"add", "mul", "sub", "square", "tanh", "transpose", "slice", "pad", "concat"})
    EXPECT_EQ(count(op), 0) << op;
  ExpectSameResults(before, after);
}

TEST(FusionTest, Deterministic) {
  const Graph before = TrainingBlock(1, 3, 8, 2);
  EXPECT_EQ(graph::PrintGraph(Fused(before)), graph::PrintGraph(Fused(before)));
}

TEST(FusionTest, KeepsOriginsAndCountsBytes) {
  Builder b("origins");
  const ValueId x = F32(b, "x", {10, 10});
  ValueId y;
  {
    Builder::Scope scope(b, "first");
    y = b.Apply("exp", {x});
  }
  {
    Builder::Scope scope(b, "second");
    y = b.Apply("neg", {y});
  }
  b.Output(y, "y");
  const Graph after = Fused(Prepared(std::move(b)));
  ASSERT_EQ(after.nodes_size(), 1);
  EXPECT_THAT(after.nodes(0).origin(), HasSubstr("first ("));
  EXPECT_THAT(after.nodes(0).origin(), HasSubstr("; second ("));
  // One value of 400 bytes is neither written nor read.
  EXPECT_EQ(AttributeReader(after.nodes(0)).Int("bytes_saved"), 800);
  EXPECT_THAT(graph::PrintGraph(after), HasSubstr("bytes_saved = 800, kind = \"loop\""));
}

TEST(FusionTest, LeavesAloneWhatItCannotEmit) {
  Builder b("f64");
  const ValueId x = b.Input("x", {chips::F64, {4}}, graph::DATA);
  b.Output(b.Apply("neg", {b.Apply("exp", {x})}), "y");
  const ValueId s = b.Input("s", {chips::F32, {"B", 4}}, graph::DATA);
  b.Output(b.Apply("neg", {b.Apply("exp", {s})}), "z");
  Graph graph = Prepared(std::move(b));
  STRATA_ASSERT_OK_AND_ASSIGN(const bool changed, CreateFusionPass()->Run(PassContext(), &graph));
  EXPECT_FALSE(changed);
  EXPECT_EQ(graph.nodes_size(), 4);
}

}  // namespace
}  // namespace strata::compiler
