#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/registry.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "base/subprocess.h"
#include "gtest/gtest.h"

namespace strata {
namespace {

using ::testing::HasSubstr;

TEST(Status, AnnotateKeepsCodeAndPrefixesPath) {
  const absl::Status inner = absl::InvalidArgumentError("is negative");
  EXPECT_THAT(Annotate(Annotate(inner, "dims[2]"), "x"),
              StatusIs(absl::StatusCode::kInvalidArgument, "x: dims[2]: is negative"));
  EXPECT_OK(Annotate(absl::OkStatus(), "x"));
  EXPECT_EQ(ExitCode(inner), 2);
  EXPECT_EQ(ExitCode(absl::InternalError("")), 1);
}

TEST(File, AtomicWriteReplacesAndLeavesNothingAside) {
  const std::string folder = JoinPath(testing::TempDir(), "atomic");
  ASSERT_OK(MakeDirectories(folder));
  const std::string path = JoinPath(folder, "f");
  ASSERT_OK(WriteFileAtomic(path, "one"));
  ASSERT_OK(WriteFileAtomic(path, "two"));
  STRATA_ASSERT_OK_AND_ASSIGN(std::string content, ReadFile(path));
  EXPECT_EQ(content, "two");
  // A folder stands where the file should go: the error names the path and the old content stays.
  const std::string taken = JoinPath(folder, "taken");
  ASSERT_OK(MakeDirectories(taken));
  EXPECT_THAT(WriteFileAtomic(taken, "x"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("taken: cannot rename to")));
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  EXPECT_THAT(names, testing::UnorderedElementsAre("f", "taken"));
  STRATA_ASSERT_OK_AND_ASSIGN(auto mapped, MappedFile::Open(path));
  EXPECT_EQ(mapped->data(), "two");
}

TEST(File, MissingFileIsNotFoundWithItsPath) {
  EXPECT_THAT(ReadFile("/no/such/file"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/no/such/file")));
  EXPECT_THAT(MappedFile::Open("/no/such/file"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/no/such/file")));
}

TEST(Subprocess, LargeInputAndOutputDoNotDeadlock) {
  const std::string input(3 << 20, 'x');
  STRATA_ASSERT_OK_AND_ASSIGN(SubprocessResult result, RunSubprocess({"cat"}, input));
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.standard_output, input);
}

TEST(Subprocess, ProgramThatDoesNotReadIsNoSignalForUs) {
  const std::string input(3 << 20, 'x');
  STRATA_ASSERT_OK_AND_ASSIGN(SubprocessResult result,
                              RunSubprocess({"sh", "-c", "echo oops >&2; exit 3"}, input));
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.standard_error, "oops\n");
}

TEST(Subprocess, MissingProgramIsNotFound) {
  EXPECT_THAT(RunSubprocess({"no-such-program-here"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no-such")));
}

TEST(Registry, UnknownNameListsWhatThereIs) {
  Registry<int> registry("number");
  registry.Register("one", [] { return std::make_unique<int>(1); });
  STRATA_ASSERT_OK_AND_ASSIGN(std::unique_ptr<int> one, registry.Create("one"));
  EXPECT_EQ(*one, 1);
  EXPECT_THAT(registry.Create("two"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("there is: one")));
}

}  // namespace
}  // namespace strata
