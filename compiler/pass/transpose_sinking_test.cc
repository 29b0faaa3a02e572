#include "compiler/pass/transpose_sinking.h"

#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "compiler/codegen/expect_equal.h"
#include "compiler/pass/pass.h"
#include "compiler/pass/random_layout_graph.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/op_case_batch.h"
#include "framework/graph/text.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using graph::Graph;

Graph Sunk(const Graph& before) {
  RegisterAllPasses();
  Graph after = before;
  EXPECT_OK(RunPipeline({"transpose_sinking"}, PassContext{}, &after));
  return after;
}

Graph SunkText(const std::string& body) {
  RegisterAllPasses();
  auto graph = graph::ParseGraph("graph \"g\" {\n" + body + "}\n", "test");
  EXPECT_OK(graph.status());
  return Sunk(*graph);
}

void ExpectSameResults(const Graph& before, const Graph& after) {
  const auto inputs = [&] { return RandomInputs(before); };
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::Interpreter().Evaluate(before, inputs()));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto got, graph::Interpreter().Evaluate(after, inputs()));
  for (size_t i = 0; i < want.size(); ++i)
    ASSERT_EQ(graph::CompareTensors(got[i], want[i], 1e-5), "") << "output " << i;
}

TEST(TransposeSinkingTest, RandomGraphsKeepTheirMeaningAndMoveNoMoreBytes) {
  int64_t before_bytes = 0, after_bytes = 0;
  for (uint32_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    const Graph before = RandomLayoutGraph(seed, {.nodes = 4 + static_cast<int>(seed % 20)});
    const Graph after = Sunk(before);
    ExpectSameResults(before, after);
    EXPECT_LE(TransposedBytes(after), TransposedBytes(before)) << graph::PrintGraph(before);
    before_bytes += TransposedBytes(before);
    after_bytes += TransposedBytes(after);
  }
  EXPECT_LT(after_bytes, before_bytes);
}

TEST(TransposeSinkingTest, PairsMeetBelowElementwiseWork) {
  const Graph after = SunkText(R"(
  %x: f32[2, 3, 4] = input data
  %bias: f32[4] = input data
  %t: f32[3, 2, 4] = transpose(%x) {permutation = ints[1, 0, 2]}
  %a: f32[3, 2, 4] = add(%t, %bias)
  %e: f32[3, 2, 4] = exp(%a)
  %y: f32[2, 3, 4] = transpose(%e) {permutation = ints[1, 0, 2]}
  return %y as "y" replicated
)");
  EXPECT_EQ(TransposedBytes(after), 0) << graph::PrintGraph(after);
}

TEST(TransposeSinkingTest, ProductsTakeTransposesAsFlags) {
  const Graph after = SunkText(R"(
  %x: f32[4, 3] = input data
  %w: f32[5, 4] = input data
  %xt: f32[3, 4] = transpose(%x) {permutation = ints[1, 0]}
  %wt: f32[4, 5] = transpose(%w) {permutation = ints[1, 0]}
  %p: f32[3, 5] = matmul(%xt, %wt)
  %y: f32[5, 3] = transpose(%p) {permutation = ints[1, 0]}
  return %y as "y" replicated
)");
  ASSERT_EQ(after.nodes_size(), 1) << graph::PrintGraph(after);
  EXPECT_EQ(after.nodes(0).op(), "matmul");
}

// Each case would move more bytes, or the same elements twice.
TEST(TransposeSinkingTest, StaysWhereItIsCheapest) {
  for (const char* body : {// The result is wider than the operand.
                           R"(
  %x: f32[3, 4] = input data
  %t: f32[4, 3] = transpose(%x) {permutation = ints[1, 0]}
  %y: f64[4, 3] = cast(%t) {dtype = f64}
  return %y as "y" replicated
)",
                           // Another reader needs the transposed value anyway.
                           R"(
  %x: f32[3, 4] = input data
  %t: f32[4, 3] = transpose(%x) {permutation = ints[1, 0]}
  %y: f32[4, 3] = exp(%t)
  return %y as "y" replicated
  return %t as "t" replicated
)",
                           // The other operand would have to be transposed instead.
                           R"(
  %x: f32[3, 4] = input data
  %v: f32[4, 3] = input data
  %t: f32[4, 3] = transpose(%x) {permutation = ints[1, 0]}
  %y: f32[4, 3] = add(%t, %v)
  return %y as "y" replicated
)",
                           // Rows would become columns.
                           R"(
  %x: f32[3, 4] = input data
  %t: f32[4, 3] = transpose(%x) {permutation = ints[1, 0]}
  %y: f32[4] = reduce_sum(%t) {axes = ints[1]}
  return %y as "y" replicated
)"}) {
    const std::string text = "graph \"g\" {\n" + std::string(body + 1) + "}\n";
    RegisterAllPasses();
    STRATA_ASSERT_OK_AND_ASSIGN(const Graph before, graph::ParseGraph(text, "test"));
    EXPECT_EQ(graph::PrintGraph(Sunk(before)), graph::PrintGraph(before));
  }
}

}  // namespace
}  // namespace strata::compiler
