#include "compiler/pass/mixed_precision.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/status_matchers.h"
#include "compiler/pass/pass.h"
#include "framework/autodiff/gradients.h"
#include "framework/graph/attributes.h"
#include "framework/graph/builder.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/op_case_batch.h"
#include "framework/graph/text.h"
#include "framework/graph/verifier.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using graph::Attr;
using graph::Builder;
using graph::Graph;
using graph::HostTensor;
using graph::Shape;
using graph::ValueId;

HostTensor Random(const std::vector<int64_t>& dims, uint32_t seed) {
  HostTensor tensor = HostTensor::Allocate(chips::F32, dims);
  uint32_t state = seed * 2654435761u + 12345u;
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    state = state * 1664525u + 1013904223u;
    tensor.data<float>()[i] = static_cast<float>(state >> 8) / 8388608.0f - 1.0f;
  }
  return tensor;
}

HostTensor Rounded(const HostTensor& tensor) {
  HostTensor bf16 = HostTensor::Allocate(chips::BF16, tensor.dims());
  bf16.SetFromDoubles(tensor.ToDoubles());
  HostTensor f32 = HostTensor::Allocate(chips::F32, tensor.dims());
  f32.SetFromDoubles(bf16.ToDoubles());
  return f32;
}

Graph RunPasses(Graph graph, const std::vector<std::string>& passes) {
  RegisterAllPasses();
  EXPECT_OK(RunPipeline(passes, PassContext(), &graph));
  return graph;
}

std::map<std::string, int> CountOps(const Graph& graph) {
  std::map<std::string, int> count;
  for (const graph::Node& node : graph.nodes()) ++count[node.op()];
  return count;
}

Graph Product(chips::DType dtype) {
  Builder b("product");
  const ValueId a = b.Input("a", {dtype, {5, 33}}, graph::DATA),
                w = b.Input("w", {dtype, {33, 7}}, graph::PARAMETER);
  b.Output(b.Apply("matmul", {a, w}), "y");
  return std::move(b).Build().value();
}

TEST(MixedPrecisionTest, AProductIsThatOfTheRoundedOperands) {
  const Graph graph = Product(chips::F32);
  const Graph mixed = RunPasses(graph, {"mixed_precision"});
  const HostTensor a = Random({5, 33}, 1), w = Random({33, 7}, 2);
  STRATA_ASSERT_OK_AND_ASSIGN(const auto got,
                              graph::Interpreter().Evaluate(mixed, {a.Clone(), w.Clone()}));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want,
                              graph::Interpreter().Evaluate(graph, {Rounded(a), Rounded(w)}));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto exact,
                              graph::Interpreter().Evaluate(graph, {a.Clone(), w.Clone()}));
  EXPECT_EQ(got[0].ToDoubles(), want[0].ToDoubles());
  EXPECT_NE(got[0].ToDoubles(), exact[0].ToDoubles()) << "nothing was rounded";
}

TEST(MixedPrecisionTest, OtherTypesAndASecondRunChangeNothing) {
  const Graph f64 = Product(chips::F64);
  EXPECT_EQ(graph::PrintGraph(RunPasses(f64, {"mixed_precision"})), graph::PrintGraph(f64));
  const Graph once = RunPasses(Product(chips::F32), {"mixed_precision"});
  EXPECT_EQ(graph::PrintGraph(RunPasses(once, {"mixed_precision"})), graph::PrintGraph(once));
}

// mean((gelu(x w1) w2 - y)^2) and its gradients.
Graph TrainingGraph() {
  Builder b("mlp");
  const ValueId x = b.Input("x", {chips::F32, {16, 24}}, graph::DATA),
                y = b.Input("y", {chips::F32, {16, 8}}, graph::DATA),
                w1 = b.Input("w1", {chips::F32, {24, 40}}, graph::PARAMETER),
                w2 = b.Input("w2", {chips::F32, {40, 8}}, graph::PARAMETER);
  const ValueId hidden = b.Apply("tanh", {b.Apply("matmul", {x, w1})});
  const ValueId error = b.Apply("sub", {b.Apply("matmul", {hidden, w2}), y});
  const ValueId loss =
      b.Apply("reduce_mean", {b.Apply("square", {error})},
              {{"axes", Attr(std::vector<int64_t>{0, 1})}, {"keep_dims", Attr(false)}});
  const auto gradients = framework::Gradients(b, loss, {w1, w2});
  EXPECT_OK(gradients.status());
  b.Output(loss, "loss");
  b.Output((*gradients)[0], "dw1");
  b.Output((*gradients)[1], "dw2");
  return std::move(b).Build().value();
}

// Terms are below 1 in size here, each wrong by at most 2^-8 of itself, and errors of the first product pass through a
// second one: the largest relative error of a whole tensor stays within a few roundings.
TEST(MixedPrecisionTest, GradientsStayWithinTheRoundings) {
  const Graph graph = TrainingGraph();
  const Graph mixed = RunPasses(graph, {"mixed_precision", "cse", "dce"});
  const auto inputs = [] {
    std::vector<HostTensor> tensors;
    tensors.push_back(Random({16, 24}, 1));
    tensors.push_back(Random({16, 8}, 2));
    tensors.push_back(Random({24, 40}, 3));
    tensors.push_back(Random({40, 8}, 4));
    return tensors;
  };
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::Interpreter().Evaluate(graph, inputs()));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto got, graph::Interpreter().Evaluate(mixed, inputs()));
  for (size_t o = 0; o < want.size(); ++o) {
    const std::vector<double> a = want[o].ToDoubles(), b = got[o].ToDoubles();
    double norm = 0, error = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      norm += a[i] * a[i];
      error += (a[i] - b[i]) * (a[i] - b[i]);
    }
    EXPECT_LT(std::sqrt(error / norm), 3.0 / 256) << graph.outputs(static_cast<int>(o)).name();
    EXPECT_GT(error, 0);
  }
}

// y = (x w)ᵀ and z = tanh(xᵀ u): the passes that move transposes rebuild products, and must keep what they give.
TEST(MixedPrecisionTest, ProductsKeepTheirTypeWhenTransposesMove) {
  Builder b("turned");
  const auto swap = [&](ValueId x) {
    return b.Apply("transpose", {x}, {{"permutation", Attr(std::vector<int64_t>{1, 0})}});
  };
  const ValueId x = b.Input("x", {chips::F32, {6, 10}}, graph::DATA),
                w = b.Input("w", {chips::F32, {10, 5}}, graph::PARAMETER),
                u = b.Input("u", {chips::F32, {6, 4}}, graph::PARAMETER);
  b.Output(swap(b.Apply("matmul", {x, w})), "y");
  b.Output(b.Apply("tanh", {b.Apply("matmul", {swap(x), u})}), "z");
  b.Output(swap(b.Apply("contract_leading", {x, u})), "c");
  const Graph graph = std::move(b).Build().value();
  const auto inputs = [] {
    std::vector<HostTensor> tensors;
    tensors.push_back(Random({6, 10}, 1));
    tensors.push_back(Random({10, 5}, 2));
    tensors.push_back(Random({6, 4}, 3));
    return tensors;
  };
  const Graph rounded = RunPasses(graph, {"mixed_precision"});
  const Graph moved =
      RunPasses(graph, {"mixed_precision", "transpose_sinking", "layout_assignment"});
  EXPECT_NE(graph::PrintGraph(moved), graph::PrintGraph(rounded)) << "nothing moved";
  STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::Interpreter().Evaluate(rounded, inputs()));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto got, graph::Interpreter().Evaluate(moved, inputs()));
  for (size_t o = 0; o < want.size(); ++o) {
    EXPECT_EQ(got[o].dtype(), chips::F32);
    EXPECT_EQ(graph::CompareTensors(got[o], want[o], 1e-5), "") << o;
  }
}

TEST(MixedPrecisionTest, EachValueIsRoundedOnce) {
  const std::map<std::string, int> ops = CountOps(RunPasses(TrainingGraph(), {"mixed_precision"}));
  EXPECT_EQ(ops.at("matmul") + ops.at("contract_leading"), 5);
  // x, w1, tanh, w2, and the gradients of both products: six values feed ten operands.
  EXPECT_EQ(ops.at("cast"), 6);
}

}  // namespace
}  // namespace strata::compiler
