#include "compiler/pass/optimizer_fusion.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "compiler/codegen/expect_equal.h"
#include "framework/graph/builder.h"
#include "framework/graph/interpreter.h"
#include "framework/optim/adamw.h"
#include "framework/optim/loss_scale.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using framework::AdamWOptions;
using graph::Attr;
using graph::Builder;
using graph::Graph;
using graph::Node;
using graph::Shape;
using graph::ValueId;

// What the compiler does before it.
absl::StatusOr<Graph> Prepared(Builder b) {
  RegisterAllPasses();
  STRATA_ASSIGN_OR_RETURN(Graph graph, std::move(b).Build());
  PassContext context;
  context.library_ops = {"matmul", "contract_leading"};
  STRATA_RETURN_IF_ERROR(
      RunPipeline({"decompose", "constant_folding", "algebraic", "cse", "dce"}, context, &graph));
  return graph;
}

absl::StatusOr<Graph> After(const Graph& graph, const std::vector<std::string>& passes) {
  Graph after = graph;
  STRATA_RETURN_IF_ERROR(RunPipeline(passes, PassContext(), &after));
  return after;
}

std::vector<const Node*> FusionsOf(const Graph& graph) {
  std::vector<const Node*> fusions;
  for (const Node& node : graph.nodes()) {
    if (node.op() == "fusion") fusions.push_back(&node);
  }
  return fusions;
}

// Names of the values that a node makes.
std::set<std::string> Makes(const Graph& graph, const Node& node) {
  std::set<std::string> names;
  for (uint32_t id : node.outputs()) names.insert(graph.values(static_cast<int>(id)).name());
  return names;
}

// The output that becomes input `name`.
std::string NewOf(const Graph& graph, const std::string& name) {
  for (const graph::Update& update : graph.updates()) {
    if (graph.values(static_cast<int>(update.input())).name() == name)
      return graph.values(static_cast<int>(update.output())).name();
  }
  return "none";
}

void ExpectSameResults(const Graph& before, const Graph& after) {
  const std::vector<graph::HostTensor> inputs = RandomInputs(before);
  const auto clone = [&] {
    std::vector<graph::HostTensor> copies;
    for (const graph::HostTensor& input : inputs) copies.push_back(input.Clone());
    return copies;
  };
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::Interpreter().Evaluate(before, clone()));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto got, graph::Interpreter().Evaluate(after, clone()));
  ASSERT_EQ(got.size(), want.size());
  for (size_t o = 0; o < want.size(); ++o) {
    const std::vector<double> a = want[o].ToDoubles(), b = got[o].ToDoubles();
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) {
      EXPECT_TRUE(a[i] == b[i] || (a[i] != a[i] && b[i] != b[i]))
          << before.outputs(static_cast<int>(o)).name() << " " << i;
    }
  }
}

// Two weights with gradients from products, and `gains` small parameters; gradients of these come
// from outside.
absl::StatusOr<Graph> AdamWStep(int gains, const AdamWOptions& options, bool scaled) {
  Builder b("adamw");
  const ValueId x = b.Input("x", {chips::F32, {6, 80}}, graph::DATA),
                dy = b.Input("dy", {chips::F32, {6, 64}}, graph::DATA);
  std::vector<ValueId> parameters, gradients;
  for (const char* name : {"w", "u"}) {
    parameters.push_back(b.Input(name, {chips::F32, {80, 64}}, graph::PARAMETER));
    gradients.push_back(
        b.Apply("contract_leading", {x, name[0] == 'w' ? dy : b.Apply("tanh", {dy})}));
  }
  for (int i = 0; i < gains; ++i) {
    parameters.push_back(b.Input(absl::StrCat("gain", i), {chips::F32, {24}}, graph::PARAMETER));
    gradients.push_back(b.Input(absl::StrCat("g", i), {chips::F32, {24}}, graph::DATA));
  }
  framework::LossScale scale;
  if (scaled) scale = framework::AddLossScale(b, {.initial = 8});
  framework::AddAdamW(b, parameters, gradients, options, scaled ? &scale : nullptr);
  return Prepared(std::move(b));
}

// Emitted kernels; the new values as results, for the runner updates nothing.
void ExpectEmittedSame(Graph before, Graph after) {
  before.clear_updates();
  after.clear_updates();
  ExpectEmittedEquals(after, before, {.tolerance = 1e-4, .allow_host = true});
}

TEST(OptimizerFusionTest, AParametersUpdateIsOneNode) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph before, AdamWStep(0, {}, false));
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph after, After(before, {"optimizer_fusion"}));
  const std::vector<const Node*> fusions = FusionsOf(after);
  ASSERT_EQ(fusions.size(), 2u);
  for (const std::string name : {"w", "u"}) {
    const std::set<std::string> all = {NewOf(after, name), NewOf(after, name + ".m"),
                                       NewOf(after, name + ".v")};
    EXPECT_TRUE(Makes(after, *fusions[0]) == all || Makes(after, *fusions[1]) == all) << name;
  }
  // Parameter, moments, gradient; rate, spread, and what of the parameter stays.
  EXPECT_EQ(fusions[0]->inputs_size(), 7);
  ExpectSameResults(before, after);
  ExpectEmittedSame(before, after);
}

// A moment that is given out and updates nothing is made beside the parameter's node, which has it for itself.
TEST(OptimizerFusionTest, AMomentThatOnlyTheCallerReadsIsStillMade) {
  Builder b("adamw");
  const graph::TensorType type = {chips::F32, {24}}, scalar = {chips::F32, {}};
  const ValueId p = b.Input("p", type, graph::PARAMETER), m = b.Input("m", type, graph::STATE);
  const ValueId g = b.Input("g", type, graph::DATA), v = b.Input("v", type, graph::DATA);
  const ValueId lr = b.Input("lr", scalar, graph::DATA),
                step = b.Input("step", scalar, graph::DATA);
  const std::vector<ValueId> moved =
      b.ApplyMulti("adamw", {p, g, m, b.Apply("square", {v}), lr, step},
                   {{"beta1", Attr(0.9)},
                    {"beta2", Attr(0.95)},
                    {"epsilon", Attr(0.01)},
                    {"weight_decay", Attr(0.1)}});
  b.Update(p, moved[0]);
  b.Output(moved[2], "v.new");
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph before, Prepared(std::move(b)));
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph after, After(before, {"optimizer_fusion"}));
  EXPECT_EQ(FusionsOf(after).size(), 1u);
  ExpectSameResults(before, after);
}

TEST(OptimizerFusionTest, ClippingAndLossScalingAreMoreOfTheSame) {
  for (const double clip_norm : {0.0, 0.5}) {
    for (const bool scaled : {false, true}) {
      SCOPED_TRACE(absl::StrCat(clip_norm, " ", scaled));
      STRATA_ASSERT_OK_AND_ASSIGN(const Graph before,
                                  AdamWStep(3, {.clip_norm = clip_norm}, scaled));
      STRATA_ASSERT_OK_AND_ASSIGN(const Graph after, After(before, {"optimizer_fusion"}));
      const std::vector<const Node*> fusions = FusionsOf(after);
      ASSERT_EQ(fusions.size(), 3u);  // w, u, all gains
      std::vector<int> made;
      for (const Node* fusion : fusions) made.push_back(fusion->outputs_size());
      std::sort(made.begin(), made.end());
      EXPECT_EQ(made, (std::vector<int>{3, 3, 9}));
      ExpectSameResults(before, after);
      STRATA_ASSERT_OK_AND_ASSIGN(const Graph whole,
                                  After(before, {"optimizer_fusion", "fusion", "dce"}));
      ExpectSameResults(before, whole);
      ExpectEmittedSame(before, whole);
    }
  }
}

TEST(OptimizerFusionTest, SmallParametersShareKernelsOfEqualSize) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph before, AdamWStep(20, {}, false));
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph after, After(before, {"optimizer_fusion"}));
  std::vector<int> made;
  for (const Node* fusion : FusionsOf(after)) {
    if (fusion->outputs_size() > 3) made.push_back(fusion->outputs_size());
    EXPECT_LE(fusion->inputs_size() + fusion->outputs_size(), 64);
  }
  EXPECT_EQ(made, (std::vector<int>{18, 21, 21}));  // 6, 7 and 7 of 20
  ExpectSameResults(before, after);
  ExpectEmittedSame(before, after);
}

// w' = w - lr g, and what is added by `more`.
Builder Descent(const Shape& shape, ValueId (*gradient)(Builder&, const Shape&),
                void (*more)(Builder&, ValueId w_new, ValueId step) = nullptr) {
  Builder b("descent");
  const ValueId lr = b.Input("lr", {chips::F32, {}}, graph::DATA),
                w = b.Input("w", {chips::F32, shape}, graph::PARAMETER);
  const ValueId step = b.Apply("mul", {gradient(b, shape), lr});
  const ValueId w_new = b.Apply("sub", {w, step});
  b.Update(w, w_new);
  if (more != nullptr) more(b, w_new, step);
  return b;
}

ValueId Given(Builder& b, const Shape& shape) {
  return b.Input("g", {chips::F32, shape}, graph::DATA);
}

TEST(OptimizerFusionTest, AnAverageOfTheWeightsJoinsTheirUpdate) {
  STRATA_ASSERT_OK_AND_ASSIGN(
      const Graph before, Prepared(Descent({5, 7}, Given, [](Builder& b, ValueId w_new, ValueId) {
        const ValueId mean = b.Input("mean", {chips::F32, {5, 7}}, graph::STATE);
        const ValueId kept = b.Apply("mul", {mean, b.Constant(0.99, chips::F32)});
        const ValueId part = b.Apply("mul", {w_new, b.Constant(0.01, chips::F32)});
        b.Update(mean, b.Apply("add", {kept, part}));
      })));
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph after, After(before, {"optimizer_fusion", "dce"}));
  ASSERT_EQ(after.nodes_size(), 1);
  EXPECT_EQ(after.nodes(0).outputs_size(), 2);
  ExpectSameResults(before, after);
}

// What the pass leaves alone.
void ExpectUnchanged(Builder b) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph before, Prepared(std::move(b)));
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph after, After(before, {"optimizer_fusion"}));
  EXPECT_TRUE(FusionsOf(after).empty());
  EXPECT_EQ(after.nodes_size(), before.nodes_size());
}

TEST(OptimizerFusionTest, AGradientThatAReductionMakesForItAloneStaysWithTheReduction) {
  ExpectUnchanged(Descent({8}, [](Builder& b, const Shape&) {
    return b.Apply("reduce_sum", {b.Input("dy", {chips::F32, {30, 8}}, graph::DATA)},
                   {{"axes", Attr(std::vector<int64_t>{0})}, {"keep_dims", Attr(false)}});
  }));
  ExpectUnchanged(Descent({8, 3}, [](Builder& b, const Shape&) {
    return b.Apply("transpose", {b.Input("g", {chips::F32, {3, 8}}, graph::DATA)},
                   {{"permutation", Attr(std::vector<int64_t>{1, 0})}});
  }));
}

TEST(OptimizerFusionTest, NewValuesThatOthersReadAreNotHidden) {
  ExpectUnchanged(Descent({4, 6}, Given, [](Builder& b, ValueId w_new, ValueId) {
    b.Output(b.Apply("matmul", {w_new, b.Input("x", {chips::F32, {6, 2}}, graph::DATA)}), "y");
  }));
}

TEST(OptimizerFusionTest, AStateWithoutAParameterIsNoOptimizer) {
  Builder b("running_mean");
  const ValueId mean = b.Input("mean", {chips::F32, {64}}, graph::STATE);
  const ValueId kept = b.Apply("mul", {mean, b.Constant(0.9, chips::F32)});
  b.Update(mean, b.Apply("add", {kept, Given(b, {64})}));
  ExpectUnchanged(std::move(b));
}

TEST(OptimizerFusionTest, AStepThatIsAResultTooIsWrittenOnce) {
  STRATA_ASSERT_OK_AND_ASSIGN(
      const Graph before, Prepared(Descent({4, 6}, Given, [](Builder& b, ValueId, ValueId step) {
        b.Output(step, "step");
      })));
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph after,
                              After(before, {"optimizer_fusion", "fusion", "dce"}));
  ExpectSameResults(before, after);
}

TEST(OptimizerFusionTest, ACastOfALibrarysGradientIsMadeAgainRatherThanWritten) {
  Builder b("cast");
  const ValueId x = b.Input("x", {chips::BF16, {6, 40}}, graph::DATA),
                dy = b.Input("dy", {chips::BF16, {6, 24}}, graph::DATA);
  const ValueId g =
      b.Apply("cast", {b.Apply("contract_leading", {x, dy})}, {{"dtype", Attr(chips::F32)}});
  const ValueId w = b.Input("w", {chips::F32, {40, 24}}, graph::PARAMETER);
  b.Output(framework::GlobalNorm(b, {g}), "norm");
  b.Update(w, b.Apply("sub", {w, b.Apply("mul", {g, b.Constant(0.1, chips::F32)})}));
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph before, Prepared(std::move(b)));
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph after,
                              After(before, {"optimizer_fusion", "fusion", "dce"}));
  for (const Node* fusion : FusionsOf(after)) {
    for (uint32_t id : fusion->outputs()) {
      const graph::Value& value = after.values(static_cast<int>(id));
      EXPECT_FALSE(value.dims_size() == 2 && value.name() != NewOf(after, "w")) << value.name();
    }
  }
  ExpectSameResults(before, after);
}

}  // namespace
}  // namespace strata::compiler
