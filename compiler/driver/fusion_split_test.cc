#include "compiler/driver/fusion_split.h"

#include <algorithm>
#include <string>

#include "base/status_matchers.h"
#include "compiler/pass/pass.h"
#include "compiler/pass/random_graph.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/op_case_batch.h"
#include "framework/graph/verifier.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

int Fusions(const graph::Graph& graph) {
  return static_cast<int>(
      std::count_if(graph.nodes().begin(), graph.nodes().end(),
                    [](const graph::Node& node) { return node.op() == "fusion"; }));
}

TEST(SplitFusions, IsWhatTheGraphWasBefore) {
  RegisterAllPasses();
  int split = 0;
  for (uint32_t seed = 1; seed <= 20; ++seed) {
    const RandomGraph random = MakeRandomGraph(seed, 30);
    graph::Graph fused = random.graph;
    ASSERT_OK(RunPipeline({"fusion"}, {}, &fused));
    const graph::Graph apart = SplitFusions(fused, [](const graph::Node&) { return true; });
    ASSERT_OK(graph::Verify(apart));
    EXPECT_EQ(Fusions(apart), 0);
    split += Fusions(fused);
    std::vector<graph::HostTensor> ours, right;
    for (const graph::HostTensor& input : random.inputs) {
      ours.push_back(input.Clone());
      right.push_back(input.Clone());
    }
    STRATA_ASSERT_OK_AND_ASSIGN(const auto got, graph::Interpreter().Evaluate(apart, ours));
    STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::Interpreter().Evaluate(fused, right));
    for (size_t i = 0; i < want.size(); ++i)
      EXPECT_EQ(graph::CompareTensors(got[i], want[i], 0), "") << "seed " << seed;
  }
  EXPECT_GT(split, 0);
}

TEST(SplitFusions, LeavesTheOthersAsTheyAre) {
  RegisterAllPasses();
  graph::Graph fused = MakeRandomGraph(3, 30).graph;
  ASSERT_OK(RunPipeline({"fusion"}, {}, &fused));
  const graph::Graph same = SplitFusions(fused, [](const graph::Node&) { return false; });
  EXPECT_EQ(same.SerializeAsString(), fused.SerializeAsString());
}

}  // namespace
}  // namespace strata::compiler
