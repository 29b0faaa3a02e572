// Random graphs of products: the pass keeps their results, alone and before the general fusion, and
// moves fewer bytes.
#include <vector>

#include "base/status_matchers.h"
#include "compiler/codegen/expect_equal.h"
#include "compiler/pass/pass.h"
#include "compiler/pass/random_product_graph.h"
#include "framework/graph/attributes.h"
#include "framework/graph/interpreter.h"
#include "framework/graph/op_def.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using graph::Graph;

Graph Rewritten(const Graph& before, const std::vector<std::string>& passes, bool emits) {
  PassContext context;
  if (emits) context.emits_product = [](const graph::OpCall&) { return true; };
  Graph after = before;
  EXPECT_OK(RunPipeline(passes, context, &after));
  return after;
}

int64_t BytesSaved(const Graph& graph) {
  int64_t bytes = 0;
  for (const graph::Node& node : graph.nodes()) {
    if (graph::AttributeReader(node).String("kind") == "product")
      bytes += graph::AttributeReader(node).Int("bytes_saved");
  }
  return bytes;
}

// What all kernels move, with views and constants free.
double Traffic(const Graph& graph) {
  double bytes = 0;
  for (const graph::Node& node : graph.nodes()) {
    if (node.op() == "constant" || node.op() == "reshape") continue;
    const graph::Work work =
        WorkOf(*graph::OpRegistry::Get().Find(node.op()), graph::CallOf(graph, node));
    bytes += work.bytes_read + work.bytes_written;
  }
  return bytes;
}

TEST(EpilogueFuzzTest, KeepsResultsAndSavesBytes) {
  RegisterAllPasses();
  int64_t saved = 0;
  double with = 0, without = 0;
  for (uint32_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    const Graph before = Rewritten(MakeRandomProductGraph(seed, 8 + static_cast<int>(seed % 30)),
                                   {"decompose", "cse", "dce"}, false);
    const Graph after = Rewritten(before, {"epilogue_fusion"}, true);
    const Graph fused = Rewritten(before, {"epilogue_fusion", "fusion", "dce"}, true);
    const std::vector<graph::HostTensor> inputs = RandomInputs(before);
    STRATA_ASSERT_OK_AND_ASSIGN(const auto want, graph::Interpreter().Evaluate(before, inputs));
    for (const Graph* graph : {&after, &fused}) {
      STRATA_ASSERT_OK_AND_ASSIGN(const auto got, graph::Interpreter().Evaluate(*graph, inputs));
      for (size_t o = 0; o < want.size(); ++o) EXPECT_EQ(want[o].ToDoubles(), got[o].ToDoubles());
    }
    saved += BytesSaved(after);
    with += Traffic(fused);
    without += Traffic(Rewritten(before, {"epilogue_fusion", "fusion", "dce"}, false));
  }
  EXPECT_GT(saved, 0);
  // What the pass says it saves is what the plan saves, but for groups that find another shape
  // afterwards.
  EXPECT_NEAR(without - with, static_cast<double>(saved), 0.1 * static_cast<double>(saved));
}

}  // namespace
}  // namespace strata::compiler
