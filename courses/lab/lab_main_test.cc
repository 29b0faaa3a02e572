#include "courses/lab/lab_main.h"

#include "base/file.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::courses {
namespace {

using ::testing::HasSubstr;

struct Ended {
  int code = 0;
  std::string out, err;
};

Ended RunLab(std::vector<std::string> arguments,
             const std::function<absl::StatusOr<Report>()>& run) {
  CLI::App app("A lab.");
  bool json = false;
  app.add_flag("--json", json, "");
  arguments.insert(arguments.begin(), "lab");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Ended ended;
  ended.code = LabMain(app, "lab", static_cast<int>(argv.size()), argv.data(), run);
  ended.out = ::testing::internal::GetCapturedStdout();
  ended.err = ::testing::internal::GetCapturedStderr();
  return ended;
}

Report WithClaims(bool second) {
  Report report("A lab");
  report.AddClaims({{"Water is wet", true, "1 of 1"}, {"Fire is cold", second, "900 K"}});
  return report;
}

std::string Page() { return JoinPath(::testing::TempDir(), "lab_main_test.html"); }

TEST(LabMainTest, ClaimsDecide) {
  const Ended good = RunLab({"-o", Page()}, [] { return WithClaims(true); });
  EXPECT_EQ(good.code, 0) << good.err;
  EXPECT_THAT(good.out, HasSubstr("holds  Water is wet: 1 of 1\nholds  Fire is cold: 900 K\n"));
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string page, ReadFile(Page()));
  EXPECT_EQ(page, WithClaims(true).Html());

  const Ended bad = RunLab({"--output=" + Page()}, [] { return WithClaims(false); });
  EXPECT_EQ(bad.code, 1);
  EXPECT_THAT(bad.out, HasSubstr("FAILS  Fire is cold: 900 K\n"));
  EXPECT_THAT(bad.err, HasSubstr("a claim is false"));
}

TEST(LabMainTest, StandardOutputIsTheDatasWithJson) {
  const Ended ended = RunLab({"--json", "-o", Page()}, [] { return WithClaims(true); });
  EXPECT_EQ(ended.out, "");
  EXPECT_THAT(ended.err, HasSubstr("holds  Water is wet"));
}

TEST(LabMainTest, FaultsAreNamed) {
  const auto lab = [] { return WithClaims(true); };
  EXPECT_EQ(RunLab({"--nonsense"}, lab).code, 2);
  EXPECT_EQ(RunLab({"--help"}, lab).code, 0);
  const Ended unwritable = RunLab({"-o", "/no/such/folder/page.html"}, lab);
  EXPECT_EQ(unwritable.code, 2);
  EXPECT_THAT(unwritable.err, HasSubstr("/no/such/folder"));
  const Ended failed = RunLab({}, []() -> absl::StatusOr<Report> {
    return absl::InvalidArgumentError("width: 63 is no multiple of 64");
  });
  EXPECT_EQ(failed.code, 2);
  EXPECT_EQ(failed.err, "lab: width: 63 is no multiple of 64\n");
}

}  // namespace
}  // namespace strata::courses
