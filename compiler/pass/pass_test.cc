// Every registered pass through the conformance suite, and the pipeline.
#include "compiler/pass/pass.h"

#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "compiler/pass/pass_conformance.h"
#include "compiler/pass/random_graph.h"
#include "framework/graph/attributes.h"
#include "framework/graph/builder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

std::vector<PassUnderTest> AllPasses() {
  RegisterAllPasses();
  std::vector<PassUnderTest> passes;
  for (const std::string& name : PassRegistry().Names()) {
    // Fusion is greedy: around the groups of a first run a second may find another.
    passes.push_back({name, [name] { return PassRegistry().Create(name); }, name != "fusion",
                      name != "mixed_precision"});
  }
  return passes;
}

INSTANTIATE_TEST_SUITE_P(All, PassConformanceTest, ::testing::ValuesIn(AllPasses()),
                         [](const auto& info) { return info.param.name; });

TEST(PipelineTest, RunsInOrderAndTellsTheObserver) {
  RandomGraph random = MakeRandomGraph(1, 40);
  std::vector<std::string> seen;
  PassContext context;
  context.observer = [&](absl::string_view pass, bool, const graph::Graph&) {
    seen.emplace_back(pass);
  };
  ASSERT_OK(RunPipeline({"decompose", "cse", "dce"}, context, &random.graph));
  EXPECT_THAT(seen, ::testing::ElementsAre("decompose", "cse", "dce"));
}

TEST(PipelineTest, AnUnknownPassIsNamed) {
  RandomGraph random = MakeRandomGraph(1, 5);
  EXPECT_THAT(RunPipeline({"nosuch"}, {}, &random.graph),
              StatusIs(absl::StatusCode::kNotFound,
                       ::testing::HasSubstr("no pass named 'nosuch'; there is: algebraic")));
}

class BreaksTheGraph : public Pass {
 public:
  absl::string_view name() const override { return "breaks"; }
  absl::StatusOr<bool> Run(const PassContext&, graph::Graph* graph) override {
    graph->mutable_nodes()->RemoveLast();
    return true;
  }
};

TEST(PipelineTest, APassThatBreaksTheGraphIsCaught) {
  RegisterAllPasses();
  PassRegistry().Register("breaks", [] { return std::make_unique<BreaksTheGraph>(); });
  RandomGraph random = MakeRandomGraph(1, 5);
  EXPECT_THAT(
      RunPipeline({"breaks"}, {}, &random.graph),
      StatusIs(absl::StatusCode::kInternal, ::testing::HasSubstr("pass 'breaks' broke the graph")));
}

class ChangesAnOutput : public Pass {
 public:
  absl::string_view name() const override { return "changes"; }
  absl::StatusOr<bool> Run(const PassContext&, graph::Graph* graph) override {
    graph->mutable_outputs(0)->set_value(graph->inputs(0).value());
    return true;
  }
};

TEST(PipelineTest, APassThatChangesTheTypeOfAResultIsCaught) {
  RegisterAllPasses();
  PassRegistry().Register("changes", [] { return std::make_unique<ChangesAnOutput>(); });
  graph::Builder b("sum");
  const graph::ValueId x = b.Input("x", {chips::F32, {3}}, graph::DATA);
  b.Output(
      b.Apply("reduce_sum", {x},
              {{"axes", graph::Attr(std::vector<int64_t>{0})}, {"keep_dims", graph::Attr(false)}}),
      "y");
  graph::Graph graph = std::move(b).Build().value();
  EXPECT_THAT(RunPipeline({"changes"}, {}, &graph),
              StatusIs(absl::StatusCode::kInternal,
                       ::testing::HasSubstr("outputs[0]: was f32[], is f32[3]")));
}

}  // namespace
}  // namespace strata::compiler
