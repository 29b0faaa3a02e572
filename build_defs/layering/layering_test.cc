// //:layering_test: every edge and every include of this repository obeys the law (law.h).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "build_defs/layering/law.h"
#include "build_defs/layering/source_tree.h"

namespace strata::layering {
namespace {

namespace fs = std::filesystem;

// The runfile WORKSPACE is a link to the real one: where it leads, all packages are.
fs::path SourceRoot() { return fs::canonical("WORKSPACE").parent_path(); }

void Write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

std::vector<std::string> Violations(const std::vector<Edge>& edges) {
  std::vector<std::string> violations;
  for (const Edge& edge : edges) {
    if (auto why = BrokenBy(edge)) violations.push_back(edge.from + " -> " + edge.to + ": " + *why);
  }
  return violations;
}

std::vector<std::string> Violations(const std::vector<Include>& includes) {
  std::vector<std::string> violations;
  for (const Include& include : includes) {
    if (auto why = BrokenBy(include)) {
      violations.push_back(include.file + " includes " + include.header + ": " + *why);
    }
  }
  return violations;
}

TEST(LayeringTest, EveryEdgeObeysTheLaw) {
  const absl::StatusOr<std::vector<Edge>> edges = QueryEdges(SourceRoot());
  ASSERT_TRUE(edges.ok()) << edges.status();
  ASSERT_FALSE(edges->empty());
  EXPECT_THAT(Violations(*edges), testing::IsEmpty());
}

TEST(LayeringTest, EveryIncludeObeysTheLaw) {
  const std::vector<Include> includes = ReadIncludes(SourceRoot());
  ASSERT_FALSE(includes.empty());
  EXPECT_THAT(Violations(includes), testing::IsEmpty());
}

// The test itself can fail: a workspace with two forbidden edges, one of them in a select() of a
// package that nothing else names, is caught by the same road.
TEST(LayeringTest, BadWorkspaceIsCaught) {
  const fs::path root = fs::path(std::getenv("TEST_TMPDIR")) / "bad";
  Write(root / "WORKSPACE", "");
  Write(root / "framework/BUILD",
        "filegroup(name = 'nn', visibility = ['//visibility:public'], srcs = ['//chips:spec'])");
  Write(root / "chips/BUILD",
        "filegroup(name = 'spec', visibility = ['//visibility:public'])\n"
        "[filegroup(name = n, srcs = ['//framework:nn']) for n in ['up']]\n");
  Write(root / "inference/new/room/BUILD",
        "config_setting(name = 'opt', values = {'compilation_mode': 'opt'})\n"
        "filegroup(name = 'across', srcs = select({':opt': ['//distributed:mesh'],\n"
        "    '//conditions:default': []}))");
  Write(root / "distributed/BUILD",
        "filegroup(name = 'mesh', visibility = ['//visibility:public'])");
  Write(root / "chips/cost.cc", "#include <mpi.h>\n");

  const absl::StatusOr<std::vector<Edge>> edges = QueryEdges(root);
  ASSERT_TRUE(edges.ok()) << edges.status();
  EXPECT_THAT(Violations(*edges),
              testing::UnorderedElementsAre(
                  testing::HasSubstr("//chips:up -> //framework:nn"),
                  testing::HasSubstr("//inference/new/room:across -> //distributed:mesh")));
  EXPECT_THAT(Violations(ReadIncludes(root)),
              testing::ElementsAre(testing::HasSubstr("chips/cost.cc includes mpi.h")));
}

}  // namespace
}  // namespace strata::layering
