#include "compiler/pass/npu_fusion.h"

#include <random>

#include "base/status_matchers.h"
#include "compiler/codegen/expect_equal.h"
#include "compiler/pass/random_graph.h"
#include "compiler/pass/random_product_graph.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/text.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using graph::Graph;

Graph Rewritten(Graph graph, const std::vector<std::string>& passes,
                const PassContext& context = {}) {
  RegisterAllPasses();
  EXPECT_OK(RunPipeline(passes, context, &graph));
  return graph;
}

int Groups(const Graph& graph) {
  int groups = 0;
  for (const graph::Node& node : graph.nodes()) groups += node.op() == "fusion";
  return groups;
}

// A machine that takes groups at random, but always the same ones.
PassContext Moody(uint32_t seed) {
  PassContext context;
  context.npu_accepts = [seed](const Graph& region) {
    std::mt19937 random(seed + static_cast<uint32_t>(region.nodes_size()));
    return random() % 3 != 0 ? absl::OkStatus() : absl::UnimplementedError("not today");
  };
  return context;
}

TEST(NpuFusion, RandomProductGraphsKeepTheirResults) {
  int groups = 0;
  for (uint32_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    const Graph before = Rewritten(MakeRandomProductGraph(seed, 8 + static_cast<int>(seed % 30)),
                                   {"decompose", "cse", "dce"});
    const std::vector<graph::HostTensor> inputs = RandomInputs(before);
    STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::Interpreter().Evaluate(before, inputs));
    for (const PassContext& context : {PassContext(), Moody(seed)}) {
      const Graph after = Rewritten(before, {"npu_fusion"}, context);
      groups += Groups(after);
      STRATA_ASSERT_OK_AND_ASSIGN(const auto got, graph::Interpreter().Evaluate(after, inputs));
      for (size_t o = 0; o < want.size(); ++o) EXPECT_EQ(want[o].ToDoubles(), got[o].ToDoubles());
    }
  }
  EXPECT_GT(groups, 200);
}

TEST(NpuFusion, RandomGraphsKeepTheirResults) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    const RandomGraph random = MakeRandomGraph(seed, 10 + static_cast<int>(seed % 40));
    const auto clone = [&random] {
      std::vector<graph::HostTensor> inputs;
      for (const graph::HostTensor& input : random.inputs) inputs.push_back(input.Clone());
      return inputs;
    };
    STRATA_ASSERT_OK_AND_ASSIGN(const auto want,
                                graph::Interpreter().Evaluate(random.graph, clone()));
    for (const PassContext& context : {PassContext(), Moody(seed)}) {
      const Graph after = Rewritten(random.graph, {"npu_fusion"}, context);
      STRATA_ASSERT_OK_AND_ASSIGN(const auto got, graph::Interpreter().Evaluate(after, clone()));
      for (size_t o = 0; o < want.size(); ++o) EXPECT_EQ(want[o].ToDoubles(), got[o].ToDoubles());
    }
  }
}

TEST(NpuFusion, BothSidesOfAResidualSumAreOneGroup) {
  constexpr char kText[] = R"(graph "g" {
  %x: i8[8, 16] = input data
  %y: i8[8, 16] = input data
  %three: i32[] = constant() {dims = dims[], dtype = i32, value = 3.0}
  %xw: i32[8, 16] = cast(%x) {dtype = i32}
  %xs: i32[8, 16] = mul(%xw, %three)
  %yw: i32[8, 16] = cast(%y) {dtype = i32}
  %ys: i32[8, 16] = mul(%yw, %three)
  %s: i32[8, 16] = add(%xs, %ys)
  return %s as "s" sharded
}
)";
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, graph::ParseGraph(kText, "g.txt"));
  const Graph after = Rewritten(graph, {"npu_fusion"});
  ASSERT_EQ(after.nodes_size(), 1);
  EXPECT_EQ(after.nodes(0).regions(0).nodes_size(), 6);
}

TEST(NpuFusion, WhatTheMachineRefusesStaysOutside) {
  constexpr char kText[] = R"(graph "g" {
  %x: bf16[8, 16] = input data
  %w: bf16[16, 32] = input parameter
  %c: bf16[8, 32] = matmul(%x, %w)
  %r: bf16[8, 32] = relu(%c)
  %s: bf16[8, 32] = sin(%r)
  return %s as "s" sharded
}
)";
  STRATA_ASSERT_OK_AND_ASSIGN(const Graph graph, graph::ParseGraph(kText, "g.txt"));
  PassContext context;
  context.npu_accepts = [](const Graph& region) {
    for (const graph::Node& node : region.nodes()) {
      if (node.op() == "sin") return absl::UnimplementedError("no sine");
    }
    return absl::OkStatus();
  };
  const Graph after = Rewritten(graph, {"npu_fusion"}, context);
  ASSERT_EQ(after.nodes_size(), 2);
  EXPECT_EQ(after.nodes(0).op(), "fusion");
  EXPECT_EQ(after.nodes(0).regions(0).nodes_size(), 2);
  EXPECT_EQ(after.nodes(1).op(), "sin");
  EXPECT_EQ(Groups(Rewritten(graph, {"npu_fusion"})), 1);
}

}  // namespace
}  // namespace strata::compiler
