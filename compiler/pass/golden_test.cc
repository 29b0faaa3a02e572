// Each pass on a graph as text: testdata/PASS.txt holds the graph before, a line "----", and the graph after.
//
//   bazel run //compiler/pass:golden_test -- --rewrite=$PWD/compiler/pass/testdata    # after a change that is meant
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_matchers.h"
#include "compiler/pass/pass.h"
#include "framework/graph/text.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

constexpr char kSeparator[] = "----\n";
constexpr uint64_t kSmallBudget =
    135000;                  // bytes; the graph of rematerialisation.txt takes more as it is
std::string rewrite_folder;  // set by main

class GoldenTest : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenTest, TheGraphAfterIsTheOneOnFile) {
  RegisterAllPasses();
  const std::string path = absl::StrCat("compiler/pass/testdata/", GetParam(), ".txt");
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string text, ReadFile(path));
  const size_t at = text.find(kSeparator);
  const std::string before = text.substr(0, at);
  STRATA_ASSERT_OK_AND_ASSIGN(graph::Graph graph, graph::ParseGraph(before, path));
  PassContext context;
  context.library_ops = {"attention", "cross_entropy"};
  context.emits_product = [](const graph::OpCall&) { return true; };
  if (GetParam() == "rematerialisation") context.memory_budget_bytes = kSmallBudget;
  ASSERT_OK(RunPipeline({GetParam()}, context, &graph));
  const std::string after = graph::PrintGraph(graph);
  if (!rewrite_folder.empty()) {
    ASSERT_OK(WriteFileAtomic(absl::StrCat(rewrite_folder, "/", GetParam(), ".txt"),
                              absl::StrCat(before, kSeparator, after)));
    return;
  }
  ASSERT_NE(at, std::string::npos) << path << " has no ----";
  EXPECT_EQ(after, text.substr(at + std::strlen(kSeparator)));
}

INSTANTIATE_TEST_SUITE_P(Passes, GoldenTest,
                         ::testing::Values("algebraic", "attention_expansion", "attention_fusion",
                                           "constant_folding", "cse", "dce", "decompose",
                                           "epilogue_fusion", "layout_assignment", "memory_order",
                                           "min_cut_partition", "mixed_precision", "npu_fusion",
                                           "optimizer_fusion", "packed_fusion", "rematerialisation",
                                           "transpose_sinking"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace strata::compiler

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  constexpr char kFlag[] = "--rewrite=";
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], kFlag, std::strlen(kFlag)) == 0) {
      strata::compiler::rewrite_folder = argv[i] + std::strlen(kFlag);
    }
  }
  return RUN_ALL_TESTS();
}
