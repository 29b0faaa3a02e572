// Rank graphs as text, beside the graphs and plans they are made of. Where a change is meant, the message of a failed
// comparison is the new text.
#include <string>
#include <vector>

#include "base/file.h"
#include "base/status_matchers.h"
#include "base/textproto.h"
#include "distributed/partition/propagate.h"
#include "distributed/partition/spmd.h"
#include "framework/graph/text.h"

namespace strata::distributed {
namespace {

std::string Text(const std::string& file) {
  absl::StatusOr<std::string> text = ReadFile("distributed/partition/testdata/" + file);
  EXPECT_OK(text);
  return text.value_or("");
}

struct Golden {
  const char* graph;
  const char* plan;  // of the file "<plan>.textproto"; the rank's graph is "<graph>.<plan>.graph"
};

class GoldenTest : public testing::TestWithParam<Golden> {};

TEST_P(GoldenTest, RankGraph) {
  const std::string graph = GetParam().graph, plan_name = GetParam().plan;
  parallel::ParallelPlan plan;
  ASSERT_OK(ParseTextProto(Text(plan_name + ".textproto"), plan_name, &plan));
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph global,
                              graph::ParseGraph(Text(graph + ".graph"), graph));
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph annotated, AssignShardings(global, plan));
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph mine, PartitionSpmd(annotated, plan));
  EXPECT_EQ(PrintGraph(mine), Text(graph + "." + plan_name + ".graph")) << PrintGraph(mine);
}

INSTANTIATE_TEST_SUITE_P(
    Files, GoldenTest,
    testing::Values(Golden{"regression", "dp2"}, Golden{"mlp", "tp2"}, Golden{"mlp", "sp2"},
                    Golden{"mlp", "dp2"}, Golden{"mlp", "buckets2"}, Golden{"mlp", "zero1"},
                    Golden{"mlp", "zero2"}, Golden{"mlp", "zero3"}, Golden{"attention", "heads2"},
                    Golden{"attention", "ulysses2"}, Golden{"attention", "ring2"},
                    Golden{"vocabulary", "vocabulary2"}, Golden{"experts", "ep2"}),
    [](const auto& info) { return std::string(info.param.graph) + "_" + info.param.plan; });

}  // namespace
}  // namespace strata::distributed
