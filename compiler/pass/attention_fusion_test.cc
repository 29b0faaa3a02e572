#include "compiler/pass/attention_fusion.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "compiler/codegen/expect_equal.h"
#include "compiler/pass/pass.h"
#include "compiler/pass/written_attention.h"
#include "framework/autodiff/gradients.h"
#include "framework/graph/attributes.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/op_case_batch.h"
#include "framework/graph/text.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Builder;
using graph::Graph;
using graph::Node;
using graph::ValueId;
using Mask = WrittenAttention::Mask;
using Softmax = WrittenAttention::Softmax;
using Scale = WrittenAttention::Scale;

int Count(const Graph& graph, const std::string& op) {
  return static_cast<int>(std::count_if(graph.nodes().begin(), graph.nodes().end(),
                                        [&](const Node& node) { return node.op() == op; }));
}

Graph Fused(const Graph& before) {
  RegisterAllPasses();
  Graph after = before;
  EXPECT_OK(RunPipeline({"attention_fusion", "algebraic", "cse", "dce"}, PassContext{}, &after));
  return after;
}

// Up to the rounding of f32, of values of size 1.
void ExpectSameResults(const Graph& before, const Graph& after) {
  const auto inputs = [&] { return RandomInputs(before); };
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::Interpreter().Evaluate(before, inputs()));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto got, graph::Interpreter().Evaluate(after, inputs()));
  ASSERT_EQ(want.size(), got.size());
  for (size_t i = 0; i < want.size(); ++i)
    EXPECT_EQ(graph::CompareTensors(got[i], want[i], 2e-6), "") << "output " << i;
}

Graph Forward(const WrittenAttention& how) {
  Builder b("forward");
  b.Output(WriteAttention(b, how).out, "out");
  auto graph = std::move(b).Build();
  EXPECT_OK(graph.status());
  return *graph;
}

// The gradients of q, k and v under a loss that weighs each element of `out` differently.
Graph Training(const WrittenAttention& how) {
  Builder b("training");
  const WrittenValues w = WriteAttention(b, how);
  const ValueId weight = b.Input("weight", b.type(w.out), graph::DATA);
  std::vector<int64_t> axes;
  for (int64_t d = 0; d < b.type(w.out).rank(); ++d) axes.push_back(d);
  const ValueId loss =
      b.Apply("reduce_sum", {b.Apply("mul", {w.out, weight})}, {{"axes", Attr(axes)}});
  b.Output(loss, "loss");
  auto gradients = framework::Gradients(b, loss, {w.q, w.k, w.v});
  EXPECT_OK(gradients.status());
  const char* names[] = {"dq", "dk", "dv"};
  for (size_t i = 0; i < 3; ++i) b.Output((*gradients)[i], names[i]);
  auto graph = std::move(b).Build();
  EXPECT_OK(graph.status());
  return *graph;
}

// Every way of writing it that the pass knows.
std::vector<WrittenAttention> Ways() {
  std::vector<WrittenAttention> ways;
  for (Mask mask : {Mask::kNone, Mask::kSelect, Mask::kSelectHidden, Mask::kAdd, Mask::kArithmetic,
                    Mask::kSlice}) {
    for (Scale scale : {Scale::kNone, Scale::kMul, Scale::kDiv, Scale::kQuery, Scale::kAfterMask}) {
      WrittenAttention way;
      way.mask = mask;
      way.scale = scale;
      way.softmax = static_cast<Softmax>(ways.size() % 3);
      way.rank = mask == Mask::kSlice ? 4 : 2 + static_cast<int>(ways.size() % 3);
      way.from_heads = ways.size() % 4 != 0;
      way.copy_keys = ways.size() % 5 < 2;
      way.keys = ways.size() % 2 == 0 ? 5 : 7;
      ways.push_back(way);
    }
  }
  WrittenAttention grouped;
  grouped.group = 2;
  ways.push_back(grouped);
  grouped.copy_keys = true;
  ways.push_back(grouped);
  WrittenAttention single;  // one query: nothing is hidden
  single.queries = single.keys = 1;
  ways.push_back(single);
  return ways;
}

class WayTest : public ::testing::TestWithParam<WrittenAttention> {};

TEST_P(WayTest, ForwardBecomesTheOp) {
  const Graph before = Forward(GetParam());
  const Graph after = Fused(before);
  EXPECT_EQ(Count(after, "attention"), 1);
  for (const char* op : {"matmul", "softmax", "exp", "iota", "select"})
    EXPECT_EQ(Count(after, op), 0) << graph::PrintGraph(after);
  ExpectSameResults(before, after);
}

TEST_P(WayTest, GradientBecomesTheOpsGradient) {
  WrittenAttention how = GetParam();
  how.softmax = Softmax::kOp;  // the gradient of any other is no pattern
  const Graph before = Training(how);
  const Graph after = Fused(before);
  EXPECT_EQ(Count(after, "attention"), 1) << graph::PrintGraph(after);
  EXPECT_EQ(Count(after, "attention_gradient"), 1);
  for (const char* op : {"matmul", "contract_leading", "softmax", "exp"})
    EXPECT_EQ(Count(after, op), 0);
  ExpectSameResults(before, after);
}

INSTANTIATE_TEST_SUITE_P(All, WayTest, ::testing::ValuesIn(Ways()),
                         [](const auto& info) { return info.param.Name(); });

// Differentiated after the pass: any way of writing the softmax will do.
TEST(AttentionFusionTest, MatchedBeforeDifferentiation) {
  RegisterAllPasses();
  WrittenAttention how;
  how.softmax = Softmax::kReciprocal;
  Graph forward = Forward(how);
  ASSERT_OK(RunPipeline({"attention_fusion", "algebraic", "dce"}, PassContext{}, &forward));
  const auto differentiate = [](const Graph& graph) {
    Builder b(graph);
    const ValueId out = graph.outputs(0).value();
    const std::vector<int64_t> axes = {0, 1, 2, 3};
    const ValueId square = b.Apply("square", {out});
    const ValueId loss = b.Apply("reduce_sum", {square}, {{"axes", Attr(axes)}});
    std::vector<ValueId> wrt;
    for (const graph::Input& input : graph.inputs()) wrt.push_back(input.value());
    auto gradients = framework::Gradients(b, loss, wrt);
    EXPECT_OK(gradients.status());
    for (ValueId gradient : *gradients) b.Output(gradient, b.name(gradient));
    return *std::move(b).Build();
  };
  const Graph fused = differentiate(forward);
  EXPECT_EQ(Count(fused, "attention_gradient"), 1);
  EXPECT_EQ(Count(fused, "exp"), 0);
  ExpectSameResults(differentiate(Forward(how)), fused);
}

TEST(AttentionFusionTest, TransposesAroundItCancel) {
  const Graph after = Fused(Forward(WrittenAttention{}));
  EXPECT_EQ(after.nodes_size(), 1) << graph::PrintGraph(after);
  const Graph training = Fused(Training(WrittenAttention{}));
  EXPECT_EQ(Count(training, "transpose"), 0) << graph::PrintGraph(training);
}

TEST(AttentionFusionTest, HeadsThatWereNeverApartStayOneBatch) {
  WrittenAttention how;
  how.from_heads = false;
  const Graph after = Fused(Forward(how));
  EXPECT_EQ(Count(after, "transpose"), 0) << graph::PrintGraph(after);
  EXPECT_EQ(Count(after, "attention"), 1);
}

TEST(AttentionFusionTest, RepeatedKeysAreReadOnce) {
  WrittenAttention how;
  how.group = 4;
  const Graph after = Fused(Forward(how));
  EXPECT_EQ(Count(after, "broadcast_to"), 0) << graph::PrintGraph(after);
}

TEST(AttentionFusionTest, SymbolicBatch) {
  RegisterAllPasses();
  STRATA_ASSERT_OK_AND_ASSIGN(Graph graph, graph::ParseGraph(R"(graph "symbolic" {
  %q: f32[B, 4, T, 8] = input data
  %k: f32[B, 4, T, 8] = input data
  %v: f32[B, 4, T, 8] = input data
  %s: f32[B, 4, T, T] = matmul(%q, %k) {transpose_b = true}
  %i: i32[T, T] = iota() {axis = 0, dims = dims[T, T], dtype = i32}
  %j: i32[T, T] = iota() {axis = 1, dims = dims[T, T], dtype = i32}
  %m: bool[T, T] = less_equal(%j, %i)
  %no: f32[] = constant() {dims = dims[], dtype = f32, value = -1e9}
  %x: f32[B, 4, T, T] = select(%m, %s, %no)
  %p: f32[B, 4, T, T] = softmax(%x)
  %o: f32[B, 4, T, 8] = matmul(%p, %v)
  return %o as "o" sharded
}
)",
                                                             "test"));
  ASSERT_OK(RunPipeline({"attention_fusion", "dce"}, PassContext{}, &graph));
  EXPECT_EQ(Count(graph, "attention"), 1) << graph::PrintGraph(graph);
}

// ---- near misses

void ExpectUntouched(const Graph& before) {
  RegisterAllPasses();
  Graph after = before;
  ASSERT_OK(RunPipeline({"attention_fusion"}, PassContext{}, &after));
  EXPECT_EQ(graph::PrintGraph(after), graph::PrintGraph(before));
}

TEST(NearMissTest, OtherMasks) {
  for (Mask mask : {Mask::kLate, Mask::kWeak, Mask::kInput, Mask::kPerRow}) {
    WrittenAttention how;
    how.mask = mask;
    SCOPED_TRACE(how.Name());
    ExpectUntouched(Forward(how));
    ExpectUntouched(Training(how));
  }
}

TEST(NearMissTest, MoreQueriesThanKeys) {  // the first queries see no key: 0 / 0 there, 0 in the op
  WrittenAttention how;
  how.queries = 7;
  ExpectUntouched(Forward(how));
}

TEST(NearMissTest, SoftmaxOverQueries) {
  WrittenAttention how;
  how.softmax = Softmax::kOtherAxis;
  ExpectUntouched(Forward(how));
}

TEST(NearMissTest, ProbabilitiesReadElsewhere) {
  for (bool scores : {false, true}) {
    Builder b("elsewhere");
    const WrittenValues w = WriteAttention(b, WrittenAttention{});
    b.Output(w.out, "out");
    b.Output(b.Apply("exp", {scores ? w.scores : w.probabilities}), "seen");
    STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
    ExpectUntouched(graph);
  }
}

TEST(NearMissTest, ProbabilitiesAreAnOutput) {
  Builder b("output");
  const WrittenValues w = WriteAttention(b, WrittenAttention{});
  b.Output(w.out, "out");
  b.Output(w.probabilities, "seen");
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  ExpectUntouched(graph);
}

TEST(NearMissTest, TheLossReadsTheProbabilitiesToo) {
  Builder b("entropy");
  const WrittenValues w = WriteAttention(b, WrittenAttention{});
  const std::vector<int64_t> axes = {0, 1, 2, 3};
  const auto sum = [&](ValueId x) {
    return b.Apply("reduce_sum", {b.Apply("square", {x})}, {{"axes", Attr(axes)}});
  };
  const ValueId loss = b.Apply("add", {sum(w.out), sum(w.probabilities)});
  STRATA_ASSERT_OK_AND_ASSIGN(const auto gradients, framework::Gradients(b, loss, {w.q, w.k, w.v}));
  b.Output(loss, "loss");
  for (ValueId gradient : gradients) b.Output(gradient, b.name(gradient));
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  ExpectUntouched(graph);
}

// The maker of the probabilities has no inputs to look at: found by fuzzing.
TEST(NearMissTest, AConstantTimesValues) {
  Builder b("constant");
  const ValueId ones = b.Constant(1.0, chips::F32, {2, 3, 4});
  b.Output(b.Apply("matmul", {ones, b.Input("v", {chips::F32, {2, 4, 5}}, graph::DATA)}), "y");
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  EXPECT_EQ(Count(Fused(graph), "attention"), 0);
}

TEST(NearMissTest, ValuesThatAreTheProbabilities) {
  Builder b("square");
  WrittenAttention how;
  how.rank = 2;
  const WrittenValues w = WriteAttention(b, how);
  b.Output(b.Apply("matmul", {w.probabilities, w.probabilities}), "p2");
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, std::move(b).Build());
  ExpectUntouched(graph);
}

TEST(NearMissTest, TargetWithoutTheRoutine) {
  RegisterAllPasses();
  const Graph before = Forward(WrittenAttention{});
  Graph after = before;
  PassContext context;
  context.library_ops = {"matmul"};
  ASSERT_OK(RunPipeline({"attention_fusion"}, context, &after));
  EXPECT_EQ(Count(after, "attention"), 0);
}

}  // namespace
}  // namespace strata::compiler
