#include "compiler/pass/explicit_transpose.h"

#include "base/status_matchers.h"
#include "compiler/pass/pass.h"
#include "framework/graph/attributes.h"
#include "framework/graph/builder.h"
#include "framework/graph/interpreter.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Graph;
using graph::HostTensor;

Graph Products() {
  RegisterAllPasses();
  graph::Builder b("products");
  const auto x = b.Input("x", {chips::F32, {2, 3, 5}}, graph::DATA);
  const auto w = b.Input("w", {chips::F32, {2, 4, 5}}, graph::DATA);
  const auto v = b.Input("v", {chips::F32, {2, 3, 6}}, graph::DATA);
  b.Output(b.Apply("matmul", {x, w}, {{"transpose_b", Attr(true)}}), "xw");
  b.Output(b.Apply("matmul", {x, v}, {{"transpose_a", Attr(true)}}), "xv");
  absl::StatusOr<Graph> graph = std::move(b).Build();
  EXPECT_OK(graph.status());
  return *std::move(graph);
}

int Count(const Graph& graph, const std::string& op) {
  int count = 0;
  for (const graph::Node& node : graph.nodes()) count += node.op() == op;
  return count;
}

bool HasFlag(const Graph& graph, const char* flag) {
  for (const graph::Node& node : graph.nodes()) {
    if (graph::AttributeReader(node).Bool(flag)) return true;
  }
  return false;
}

TEST(ExplicitTranspose, OnlyWhereThePlainProductIsAccepted) {
  const Graph before = Products();
  PassContext context;
  context.npu_accepts = [](const Graph& region) {  // transposed weights are fine
    return HasFlag(region, "transpose_a") ? absl::UnimplementedError("transposed")
                                          : absl::OkStatus();
  };
  Graph after = before;
  ASSERT_OK(RunPipeline({"explicit_transpose"}, context, &after));
  EXPECT_EQ(Count(after, "transpose"), 1);
  EXPECT_FALSE(HasFlag(after, "transpose_a"));
  EXPECT_TRUE(HasFlag(after, "transpose_b"));

  context.npu_accepts = [](const Graph&) { return absl::UnimplementedError("nothing"); };
  Graph none = before;
  ASSERT_OK(RunPipeline({"explicit_transpose"}, context, &none));
  EXPECT_EQ(Count(none, "transpose"), 0);
}

TEST(ExplicitTranspose, KeepsTheNumbers) {
  const Graph before = Products();
  PassContext context;
  context.npu_accepts = [](const Graph& region) {
    const bool transposed = HasFlag(region, "transpose_a") || HasFlag(region, "transpose_b");
    return transposed ? absl::UnimplementedError("transposed") : absl::OkStatus();
  };
  Graph after = before;
  ASSERT_OK(RunPipeline({"explicit_transpose"}, context, &after));
  EXPECT_EQ(Count(after, "transpose"), 2);
  std::vector<HostTensor> inputs;
  for (const std::vector<int64_t>& dims : {std::vector<int64_t>{2, 3, 5}, {2, 4, 5}, {2, 3, 6}}) {
    HostTensor tensor = HostTensor::Zeros(chips::F32, dims);
    for (int64_t i = 0; i < tensor.elements(); ++i) {
      tensor.data<float>()[i] = static_cast<float>(i * 7 % 11) - 5;
    }
    inputs.push_back(std::move(tensor));
  }
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::Interpreter().Evaluate(before, inputs));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto got, graph::Interpreter().Evaluate(after, inputs));
  for (size_t i = 0; i < want.size(); ++i) EXPECT_EQ(got[i].ToDoubles(), want[i].ToDoubles());
}

}  // namespace
}  // namespace strata::compiler
