#include "base/user_path.h"

#include <cstdlib>

#include "gtest/gtest.h"

namespace strata {
namespace {

TEST(UserPathTest, RelativePathsAreTheUsersUnderBazelRun) {
  ASSERT_EQ(setenv("BUILD_WORKING_DIRECTORY", "/home/user", 1), 0);
  EXPECT_EQ(UserPath("report.html"), "/home/user/report.html");
  EXPECT_EQ(UserPath("/tmp/report.html"), "/tmp/report.html");
  EXPECT_EQ(UserPath(""), "");
  ASSERT_EQ(unsetenv("BUILD_WORKING_DIRECTORY"), 0);
  EXPECT_EQ(UserPath("report.html"), "report.html");
}

}  // namespace
}  // namespace strata
