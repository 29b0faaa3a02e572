// `strata shard`: a rank's graph and what it sends; plans that are refused, by the path of the fault.
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/status_matchers.h"
#include "base/subprocess.h"
#include "cli/command_fixture.h"
#include "framework/graph/text.h"
#include "framework/graph/types.h"
#include "framework/graph/verifier.h"
#include "gtest/gtest.h"

namespace strata::cli {
namespace {

using ::testing::HasSubstr;

// A mean over the batch of a layer of two matrices.
constexpr char kGraph[] = R"(graph "mlp" {
  %x: f32[B, 8] = input data
  %up: f32[8, 6] = input parameter
  %down: f32[6, 8] = input parameter
  %h: f32[B, 6] = matmul(%x, %up)
  %a: f32[B, 6] = relu(%h)
  %y: f32[B, 8] = matmul(%a, %down)
  %loss: f32[] = reduce_mean(%y) {axes = ints[0, 1], keep_dims = false}
  return %loss as "loss" replicated
}
)";

constexpr char kTensorParallel[] = R"(version: 2
name: "tp2"
mesh { name: "tp" kind: TENSOR_PARALLEL size: 2 }
shardings { tensor: "up" axes: "" axes: "tp" }
shardings { tensor: "down" axes: "tp" axes: "" }
microbatches: 1
)";

class ShardCommandTest : public CommandFixture {
 protected:
  // The graph above with B = 4.
  SubprocessResult Shard(const std::vector<std::string>& args) const {
    std::vector<std::string> all = {"shard", Write("mlp.graph", kGraph), "--dim=B=4"};
    all.insert(all.end(), args.begin(), args.end());
    return Run(all);
  }

  // Standard output's lines.
  std::vector<std::string> Lines(const std::vector<std::string>& args) const {
    const SubprocessResult result = Shard(args);
    EXPECT_EQ(result.exit_code, 0) << result.standard_error;
    return absl::StrSplit(result.standard_output, '\n', absl::SkipEmpty());
  }

  // Its messages; nothing may be written.
  std::string Refusal(const std::vector<std::string>& args) const {
    std::vector<std::string> with_output = args;
    with_output.push_back("--output=" + Path("refused.graph"));
    const SubprocessResult result = Shard(with_output);
    EXPECT_EQ(result.exit_code, 2) << result.standard_output;
    EXPECT_EQ(result.standard_output, "");
    EXPECT_FALSE(FileExists(Path("refused.graph")));
    return result.standard_error;
  }

  // Of a plan that is kTensorParallel with one piece in the place of another.
  std::string RefusalOf(const std::string& from, const std::string& to) const {
    std::string plan = kTensorParallel;
    const size_t at = plan.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    plan.replace(at, from.size(), to);
    return Refusal({"--plan=" + Write("bad.textproto", plan)});
  }
};

// Of the value in a graph's text: "f32[2, 8]".
std::string TypeIn(const graph::Graph& graph, const std::string& name) {
  for (const graph::Value& value : graph.values()) {
    if (value.name() == name) return graph::TypeOf(value).ToString();
  }
  return "none";
}

TEST_F(ShardCommandTest, DataParallelRanksHaveTheirPartOfTheBatch) {
  const SubprocessResult result = Shard({"--ranks=2"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph mine,
                              graph::ParseGraph(result.standard_output, "shard"));
  EXPECT_OK(graph::Verify(mine));
  EXPECT_EQ(TypeIn(mine, "x"), "f32[2, 8]");
  EXPECT_EQ(TypeIn(mine, "up"), "f32[8, 6]");
  EXPECT_EQ(TypeIn(mine, "h"), "f32[2, 6]");
  EXPECT_THAT(result.standard_output, HasSubstr("all_reduce"));
}

TEST_F(ShardCommandTest, APlanFileSaysHowTensorsAreCut) {
  const std::string plan = Write("tp2.textproto", kTensorParallel), out = Path("mine.graph");
  const SubprocessResult result = Shard({"--plan=" + plan, "-o", out});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  EXPECT_EQ(result.standard_output, "");
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string text, ReadFile(out));
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph mine, graph::ParseGraph(text, out));
  EXPECT_EQ(TypeIn(mine, "x"), "f32[4, 8]");
  EXPECT_EQ(TypeIn(mine, "up"), "f32[8, 3]");
  EXPECT_EQ(TypeIn(mine, "down"), "f32[3, 8]");
}

TEST_F(ShardCommandTest, AnnotatedGraphsAreWhole) {
  const SubprocessResult result = Shard({"--ranks=2", "--annotated"});
  ASSERT_EQ(result.exit_code, 0) << result.standard_error;
  EXPECT_THAT(result.standard_output, HasSubstr("f32[4, 8]"));
  EXPECT_THAT(result.standard_output, HasSubstr("dp"));
  EXPECT_EQ(result.standard_output.find("all_reduce"), std::string::npos);
}

TEST_F(ShardCommandTest, JsonTellsWhatARankHasAndSends) {
  const std::string plan = Write("tp2.textproto", kTensorParallel), out = Path("mine.graph");
  const std::vector<std::string> lines = Lines({"--plan=" + plan, "--json", "-o", out});
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_EQ(lines[0], R"({"input":"x","whole":"f32[4, 8]","local":"f32[4, 8]"})");
  EXPECT_EQ(lines[1], R"({"input":"up","whole":"f32[8, 6]","local":"f32[8, 3]"})");
  EXPECT_EQ(lines[2], R"({"input":"down","whole":"f32[6, 8]","local":"f32[3, 8]"})");
  // The mean is summed over the ranks, around the ring once: 2 (n - 1) times its four bytes in all.
  EXPECT_EQ(lines[3], R"({"collective":"all_reduce","group":"tp","calls":1,"bytes":8})");
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string text, ReadFile(out));
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph mine, graph::ParseGraph(text, out));
  EXPECT_EQ(lines[4], absl::StrCat(R"({"ranks":2,"nodes":)", mine.nodes_size(), R"(,"bytes":8})"));
}

TEST_F(ShardCommandTest, FaultsOfAPlanAreNamedByTheirPath) {
  EXPECT_THAT(Refusal({"--ranks=0"}), HasSubstr("--ranks: mesh[0].size: is 0"));
  EXPECT_THAT(RefusalOf("size: 2", "size: 0"), HasSubstr("bad.textproto: mesh[0].size: is 0"));
  EXPECT_THAT(RefusalOf("version: 2", "version: 9"), HasSubstr("bad.textproto: version: is 9"));
  EXPECT_THAT(RefusalOf("axes: \"\" axes: \"tp\"", "axes: \"\" axes: \"ep\""),
              HasSubstr("shardings[0]: axes[1]: there is no mesh axis 'ep'"));
  EXPECT_THAT(RefusalOf("tensor: \"down\"", "tensor: \"up\""),
              HasSubstr("shardings[1].tensor: 'up' is sharded above already"));
  EXPECT_THAT(RefusalOf("microbatches: 1", ""), HasSubstr("microbatches: is 0"));
  EXPECT_THAT(RefusalOf("microbatches: 1", "microbatch: 1"), HasSubstr("bad.textproto"));
  EXPECT_THAT(Refusal({"--plan=" + Path("none.textproto")}), HasSubstr("none.textproto"));
  EXPECT_THAT(Refusal({"--json", "--algorithm=pigeon"}),
              HasSubstr("--algorithm: 'pigeon' is no algorithm with a formula"));
  EXPECT_THAT(Refusal({"--json", "--annotated"}), HasSubstr("leave out --annotated"));
}

}  // namespace
}  // namespace strata::cli
