// What is made again gives the same numbers, to the bit; and what the passes on top of it promise.
#include "compiler/pass/recompute.h"

#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "compiler/pass/pass.h"
#include "framework/autodiff/gradients.h"
#include "framework/graph/builder.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/op_case_batch.h"
#include "framework/graph/text.h"
#include "framework/graph/verifier.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Builder;
using graph::Graph;
using graph::HostTensor;
using graph::ValueId;
using ::testing::HasSubstr;

constexpr int64_t kRows = 24, kWidth = 12;

// A chain of random layers with a loss, gradients, and plain gradient descent.
Graph RandomTraining(uint32_t seed, int layers, bool gather = false) {
  std::mt19937 random(seed);
  Builder b(absl::StrCat("training_", seed));
  std::vector<ValueId> values = {b.Input("x", {chips::F32, {kRows, kWidth}}, graph::DATA)};
  std::vector<ValueId> parameters;
  const auto pick = [&] {
    return values[values.size() - 1 - random() % std::min<size_t>(3, values.size())];
  };
  for (int l = 0; l < layers; ++l) {
    const Builder::Scope scope(b, absl::StrCat("layer", l));
    const ValueId x = values.back();
    switch (random() % 6) {
      case 0:
      case 1: {
        parameters.push_back(
            b.Input(absl::StrCat("w", l), {chips::F32, {kWidth, kWidth}}, graph::PARAMETER));
        values.push_back(b.Apply("matmul", {x, parameters.back()}));
        break;
      }
      case 2:
        values.push_back(b.Apply("gelu", {x}, {{"approximate", Attr(true)}}));
        break;
      case 3:
        values.push_back(b.Apply("add", {b.Apply("tanh", {x}), pick()}));
        break;
      case 4:
        values.push_back(b.Apply("mul", {b.Apply("sigmoid", {x}), pick()}));
        break;
      default:
        values.push_back(b.Apply("softmax", {x}));
        break;
    }
    if (gather && l % 3 == 1) {
      values.push_back(b.Apply("all_reduce", {values.back()}, {{"reduction", Attr("mean")}}));
    }
  }
  parameters.push_back(b.Input("last", {chips::F32, {kWidth, kWidth}}, graph::PARAMETER));
  const ValueId out = b.Apply("square", {b.Apply("matmul", {values.back(), parameters.back()})});
  const ValueId loss =
      b.Apply("reduce_mean", {out},
              {{"axes", Attr(std::vector<int64_t>{0, 1})}, {"keep_dims", Attr(false)}});
  b.Output(loss, "loss", graph::MEAN);
  const auto gradients = framework::Gradients(b, loss, parameters);
  EXPECT_OK(gradients.status());
  for (size_t i = 0; i < parameters.size(); ++i) {
    const ValueId step = b.Apply("mul", {(*gradients)[i], b.Constant(0.1, chips::F32)});
    b.Update(parameters[i], b.Apply("sub", {parameters[i], step}));
  }
  auto graph = std::move(b).Build();
  EXPECT_OK(graph.status());
  return *std::move(graph);
}

// matmul -> tanh, again and again: the case of Chen et al.
Graph ChainTraining(int layers) {
  Builder b("chain");
  ValueId x = b.Input("x", {chips::F32, {64, kWidth}}, graph::DATA);
  std::vector<ValueId> parameters;
  for (int l = 0; l < layers; ++l) {
    parameters.push_back(
        b.Input(absl::StrCat("w", l), {chips::F32, {kWidth, kWidth}}, graph::PARAMETER));
    x = b.Apply("tanh", {b.Apply("matmul", {x, parameters.back()})});
  }
  const ValueId loss = b.Apply(
      "reduce_mean", {x}, {{"axes", Attr(std::vector<int64_t>{0, 1})}, {"keep_dims", Attr(false)}});
  b.Output(loss, "loss", graph::MEAN);
  const auto gradients = framework::Gradients(b, loss, parameters);
  EXPECT_OK(gradients.status());
  for (size_t i = 0; i < parameters.size(); ++i)
    b.Update(parameters[i], b.Apply("sub", {parameters[i], (*gradients)[i]}));
  auto graph = std::move(b).Build();
  EXPECT_OK(graph.status());
  return *std::move(graph);
}

std::vector<HostTensor> InputsOf(const Graph& graph) {
  std::vector<HostTensor> inputs;
  std::mt19937 random(7);
  for (const auto& input : graph.inputs()) {
    const graph::TensorType type = TypeOf(graph.values(static_cast<int>(input.value())));
    inputs.push_back(HostTensor::Allocate(type.dtype, type.dims()));
    for (int64_t i = 0; i < inputs.back().elements(); ++i)
      inputs.back().data<float>()[i] = static_cast<float>(random() % 2001) / 1000.0f - 1.0f;
  }
  return inputs;
}

void ExpectSameNumbers(const Graph& a, const Graph& b) {
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::Interpreter().Evaluate(a, InputsOf(a)));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto got, graph::Interpreter().Evaluate(b, InputsOf(b)));
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i)
    EXPECT_EQ(graph::CompareTensors(got[i], want[i], 0), "") << "output " << i;
}

int Count(const Graph& graph, const std::string& op) {
  int count = 0;
  for (const auto& node : graph.nodes()) count += node.op() == op;
  return count;
}

class RecomputeTest : public ::testing::TestWithParam<uint32_t> {};

TEST_P(RecomputeTest, TheNumbersAreTheSameToTheBit) {
  const Graph graph = RandomTraining(GetParam(), 4 + static_cast<int>(GetParam() % 12));
  const RecomputePolicy policies[] = {
      {}, {false, 1.0 / 64}, {false, 1e-4}, {false, 0}, {false, 1e-4, 9}};
  double flops = 0;
  for (const RecomputePolicy& policy : policies) {
    Graph again = graph;
    STRATA_ASSERT_OK_AND_ASSIGN(const Recomputed done, Recompute(policy, &again));
    ASSERT_OK(graph::Verify(again));
    EXPECT_EQ(done.nodes == 0, graph::PrintGraph(again) == graph::PrintGraph(graph));
    EXPECT_GE(done.bytes_less, 0);
    if (policy.among_first > again.nodes_size()) {
      EXPECT_GE(done.flops, flops) << "a flop got cheaper";
      flops = done.flops;
    }
    ExpectSameNumbers(graph, again);
  }
}

TEST_P(RecomputeTest, ASecondRunFindsNothing) {
  Graph once = RandomTraining(GetParam(), 10);
  ASSERT_OK(Recompute({}, &once).status());
  STRATA_ASSERT_OK_AND_ASSIGN(const Recomputed twice, Recompute({}, &once));
  EXPECT_EQ(twice.nodes, 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RecomputeTest, ::testing::Range(0u, 25u));

TEST(RecomputeTest, CheapMeansNoProductTwice) {
  const Graph graph = RandomTraining(3, 14);
  Graph again = graph;
  STRATA_ASSERT_OK_AND_ASSIGN(const Recomputed done, Recompute({}, &again));
  EXPECT_GT(done.nodes, 0);
  EXPECT_GT(done.bytes_less, 0);
  EXPECT_EQ(Count(again, "matmul"), Count(graph, "matmul"));
  ASSERT_OK(Recompute({false, 0}, &again).status());
  EXPECT_GT(Count(again, "matmul"), Count(graph, "matmul"));
}

// A copy of a parameter that products read is a kernel of its own: making it again moves more bytes
// than keeping it takes. With a budget (cheap_only is false) it may be made again.
TEST(RecomputeTest, CopiesOfParametersForProductsAreKept) {
  Builder b("copies");
  ValueId x = b.Input("x", {chips::F32, {kRows, kWidth}}, graph::DATA);
  std::vector<ValueId> parameters;
  for (int l = 0; l < 3; ++l) {
    parameters.push_back(
        b.Input(absl::StrCat("w", l), {chips::F32, {kWidth, kWidth}}, graph::PARAMETER));
    const ValueId copy = b.Apply("neg", {parameters.back()});
    x = b.Apply("tanh", {b.Apply("matmul", {x, copy})});
  }
  const ValueId loss = b.Apply(
      "reduce_mean", {x}, {{"axes", Attr(std::vector<int64_t>{0, 1})}, {"keep_dims", Attr(false)}});
  b.Output(loss, "loss", graph::MEAN);
  STRATA_ASSERT_OK_AND_ASSIGN(const auto gradients, framework::Gradients(b, loss, parameters));
  for (size_t i = 0; i < parameters.size(); ++i) b.Update(parameters[i], gradients[i]);
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  const auto copies = [](const Graph& g) {
    int count = 0;
    for (const auto& node : g.nodes())
      count += node.op() == "neg" &&
               absl::StrContains(g.values(static_cast<int>(node.outputs(0))).name(), ".again");
    return count;
  };
  Graph cheap = graph, budget = graph;
  ASSERT_OK(Recompute({}, &cheap).status());
  EXPECT_EQ(copies(cheap), 0);
  ASSERT_OK(Recompute({false, 0}, &budget).status());
  EXPECT_GT(copies(budget), 0);
  ExpectSameNumbers(graph, cheap);
}

TEST(RecomputeTest, CollectivesRunOnce) {
  const Graph graph = RandomTraining(5, 9, /*gather=*/true);
  Graph again = graph;
  ASSERT_OK(Recompute({false, 0}, &again).status());
  EXPECT_GT(Count(graph, "all_reduce"), 0);
  EXPECT_EQ(Count(again, "all_reduce"), Count(graph, "all_reduce"));
  ExpectSameNumbers(graph, again);
}

TEST(RecomputeTest, InferenceStaysAsItIs) {
  Builder b("inference");
  const ValueId x = b.Input("x", {chips::F32, {4, 4}}, graph::DATA);
  b.Output(b.Apply("mul", {b.Apply("tanh", {x}), x}), "y", graph::REPLICATED);
  STRATA_ASSERT_OK_AND_ASSIGN(Graph graph, std::move(b).Build());
  STRATA_ASSERT_OK_AND_ASSIGN(const Recomputed done, Recompute({false, 0}, &graph));
  EXPECT_EQ(done.nodes, 0);
}

TEST(RecomputeTest, APriceIsNotNegative) {
  Graph graph = RandomTraining(1, 3);
  EXPECT_THAT(Recompute({true, -1}, &graph),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("bytes_a_flop")));
}

// ---- the pass rematerialisation, with the peak it estimates itself

absl::Status Fit(uint64_t budget, Graph* graph, double* flops) {
  RegisterAllPasses();
  PassContext context;
  context.memory_budget_bytes = budget;
  context.recomputed_flops = flops;
  return RunPipeline({"rematerialisation"}, context, graph);
}

uint64_t SmallestBudget(const absl::Status& status) {
  const std::string text(status.message());
  const std::string before = "smallest budget reachable is ";
  const size_t at = text.find(before);
  return at == std::string::npos ? 0 : std::stoull(text.substr(at + before.size()));
}

TEST(RematerialisationTest, FewerBytesForMoreFlopsDownToTheSmallestBudget) {
  const Graph graph = ChainTraining(25);
  double flops = 0;
  Graph tried = graph;
  const absl::Status refused = Fit(1, &tried, &flops);
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kResourceExhausted,
                                ::testing::AllOf(HasSubstr("memory budget of 1 bytes"),
                                                 HasSubstr("extra FLOPs"))));
  EXPECT_EQ(graph::PrintGraph(tried), graph::PrintGraph(graph));
  const uint64_t smallest = SmallestBudget(refused);
  ASSERT_GT(smallest, 0u);
  EXPECT_THAT(Fit(smallest - 1, &tried, &flops),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("smallest budget")));
  EXPECT_EQ(flops, 0);
  ASSERT_OK(Fit(smallest, &tried, &flops));
  EXPECT_GT(flops, 0);
  ExpectSameNumbers(graph, tried);
  // A larger budget takes no more flops.
  Graph wider = graph;
  double fewer = 0;
  ASSERT_OK(Fit(smallest + 2000, &wider, &fewer));
  EXPECT_LE(fewer, flops);
  // One that fits changes nothing, and neither does none.
  for (uint64_t budget : {uint64_t{0}, uint64_t{1} << 40}) {
    Graph same = graph;
    double none = 0;
    ASSERT_OK(Fit(budget, &same, &none));
    EXPECT_EQ(graph::PrintGraph(same), graph::PrintGraph(graph));
    EXPECT_EQ(none, 0);
  }
}

}  // namespace
}  // namespace strata::compiler
