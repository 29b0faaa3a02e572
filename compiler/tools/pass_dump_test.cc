// Dumps of the passes: a graph and a diff each, that parse, and whose counts are those of the graphs.
#include "compiler/tools/pass_dump.h"

#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/status_matchers.h"
#include "compiler/driver/compiler.h"
#include "compiler/driver/strata_compiler.h"
#include "compiler/driver/test_models.h"
#include "compiler/pass/pass.h"
#include "framework/graph/text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kText[] = R"(graph "g" {
  %x: f32[4] = input data
  %a: f32[4] = neg(%x) @ "one"
  %b: f32[4] = neg(%x) @ "two"
  %dead: f32[4] = exp(%x)
  %c: f32[4] = add(%a, %b)
  return %c as "c" sharded
}
)";

std::string Folder(const std::string& name) { return JoinPath(testing::TempDir(), name); }

std::string Read(const std::string& folder, const std::string& name) {
  const auto content = ReadFile(JoinPath(folder, name));
  EXPECT_OK(content.status());
  return content.ok() ? *content : "";
}

std::vector<std::string> Names(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

TEST(PassDumpTest, AGraphAndADiffAPass) {
  RegisterAllPasses();
  STRATA_ASSERT_OK_AND_ASSIGN(graph::Graph graph, graph::ParseGraph(kText, "test"));
  STRATA_ASSERT_OK_AND_ASSIGN(auto dump, PassDump::Create(Folder("dump"), graph));
  PassContext context;
  context.observer = dump->observer();
  ASSERT_OK(RunPipeline({"cse", "algebraic", "dce"}, context, &graph));
  ASSERT_OK(dump->Finish());

  const std::string folder = Folder("dump");
  EXPECT_THAT(Names(folder),
              ElementsAre("00-input.graph", "01-cse.diff", "01-cse.graph", "02-algebraic.diff",
                          "02-algebraic.graph", "03-dce.diff", "03-dce.graph", "passes.txt"));
  EXPECT_EQ(Read(folder, "00-input.graph"), kText);
  EXPECT_EQ(Read(folder, "03-dce.graph"), graph::PrintGraph(graph));
  EXPECT_OK(graph::ParseGraph(Read(folder, "01-cse.graph"), "01-cse.graph").status());
  EXPECT_EQ(
      Read(folder, "01-cse.diff"),
      R"(pass cse: 4 -> 3 nodes (4 -> 3 outside of regions): 0 added, 1 removed (1 neg), 1 changed
lines: 2 added, 3 removed
--- 00-input.graph
+++ 01-cse.graph
@@ -1,8 +1,7 @@
 graph "g" {
   %x: f32[4] = input data
-  %a: f32[4] = neg(%x) @ "one"
-  %b: f32[4] = neg(%x) @ "two"
+  %a: f32[4] = neg(%x) @ "one; two"
   %dead: f32[4] = exp(%x)
-  %c: f32[4] = add(%a, %b)
+  %c: f32[4] = add(%a, %a)
   return %c as "c" sharded
 }
)");
  EXPECT_THAT(Read(folder, "03-dce.diff"), HasSubstr("0 added, 1 removed (1 exp), 0 changed"));
  ASSERT_EQ(dump->passes().size(), 3u);
  EXPECT_EQ(dump->passes()[2].change.after, graph.nodes_size());
  EXPECT_THAT(Read(folder, "passes.txt"), AllOf(HasSubstr("00-input"), HasSubstr("03-dce")));
}

TEST(PassDumpTest, TheWholePipeline) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, GptTrainingStep({}));
  STRATA_ASSERT_OK_AND_ASSIGN(auto dump, PassDump::Create(Folder("gpt"), graph));
  STRATA_ASSERT_OK_AND_ASSIGN(auto compiler, CreateCompiler("strata"));
  CompileOptions options;
  options.observer = dump->observer();
  ASSERT_OK(compiler->Compile(graph, chips::Chip(), options).status());
  ASSERT_OK(dump->Finish());
  ASSERT_EQ(dump->passes().size(), StrataPipeline().size());
  int nodes = dump->passes()[0].change.before;
  for (const PassDump::Pass& pass : dump->passes()) {
    SCOPED_TRACE(pass.name);
    EXPECT_EQ(pass.change.before, nodes);
    EXPECT_EQ(pass.change.before + pass.change.added - pass.change.removed, pass.change.after);
    EXPECT_EQ(pass.lines_added + pass.lines_removed > 0, pass.changed);
    nodes = pass.change.after;
  }
}

TEST(PassDumpTest, AnOlderDumpGoes) {
  const std::string folder = Folder("older");
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, graph::ParseGraph(kText, "test"));
  ASSERT_OK(MakeDirectories(folder));
  ASSERT_OK(WriteFileAtomic(JoinPath(folder, "09-old.graph"), "x"));
  ASSERT_OK(WriteFileAtomic(JoinPath(folder, "mine.graph"), "x"));
  ASSERT_OK(PassDump::Create(folder, graph).status());
  EXPECT_THAT(Names(folder), ElementsAre("00-input.graph", "mine.graph"));
}

TEST(PassDumpTest, Errors) {
  STRATA_ASSERT_OK_AND_ASSIGN(const graph::Graph graph, graph::ParseGraph(kText, "test"));
  EXPECT_FALSE(PassDump::Create("/dev/null/dump", graph).ok());
  STRATA_ASSERT_OK_AND_ASSIGN(auto none, PassDump::Create(Folder("none"), graph));
  EXPECT_THAT(none->Finish(),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("ran no passes")));
  // A write that fails while passes run is kept for the end.
  STRATA_ASSERT_OK_AND_ASSIGN(auto gone, PassDump::Create(Folder("gone"), graph));
  std::filesystem::remove_all(Folder("gone"));
  gone->observer()("cse", false, graph);
  EXPECT_THAT(gone->Finish(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("01-cse.graph")));
}

}  // namespace
}  // namespace strata::compiler
