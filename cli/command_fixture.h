// For tests of the command `strata`: a folder of a test's own, and the command run as a user runs it.
#ifndef STRATA_CLI_COMMAND_FIXTURE_H_
#define STRATA_CLI_COMMAND_FIXTURE_H_

#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/status_matchers.h"
#include "base/subprocess.h"
#include "gtest/gtest.h"

namespace strata::cli {

class CommandFixture : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        JoinPath(testing::TempDir(), testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
    ASSERT_OK(MakeDirectories(folder_));
  }

  std::string Path(const std::string& name) const { return JoinPath(folder_, name); }
  std::string Write(const std::string& name, const std::string& content) const {
    EXPECT_OK(WriteFileAtomic(Path(name), content));
    return Path(name);
  }

  static SubprocessResult Run(const std::vector<std::string>& args) {
    std::vector<std::string> argv = {"cli/strata"};
    argv.insert(argv.end(), args.begin(), args.end());
    const auto result = RunSubprocess(argv);
    EXPECT_OK(result.status());
    return result.ok() ? *result : SubprocessResult{};
  }

  // Its messages and its output. The exit code must be `code`.
  static std::string Strata(const std::vector<std::string>& args, int code) {
    const SubprocessResult result = Run(args);
    EXPECT_EQ(result.exit_code, code) << result.standard_error << result.standard_output;
    return result.standard_error + result.standard_output;
  }

 private:
  std::string folder_;
};

}  // namespace strata::cli

#endif  // STRATA_CLI_COMMAND_FIXTURE_H_
