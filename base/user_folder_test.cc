#include "base/user_folder.h"

#include <cstdlib>
#include <filesystem>

#include "gtest/gtest.h"

namespace strata {
namespace {

TEST(EnterUserFolderTest, ChangesToTheUsersFolderOnce) {
  const std::filesystem::path start = std::filesystem::current_path();
  ASSERT_EQ(setenv("BUILD_WORKING_DIRECTORY", "/", 1), 0);
  EnterUserFolder();
  EXPECT_EQ(std::filesystem::current_path(), "/");
  EXPECT_EQ(std::getenv("BUILD_WORKING_DIRECTORY"), nullptr);
  std::filesystem::current_path(start);
  EnterUserFolder();
  EXPECT_EQ(std::filesystem::current_path(), start);
}

TEST(EnterUserFolderTest, StaysWhereThereIsNoSuchFolder) {
  const std::filesystem::path start = std::filesystem::current_path();
  ASSERT_EQ(setenv("BUILD_WORKING_DIRECTORY", "/no/such/folder", 1), 0);
  EnterUserFolder();
  EXPECT_EQ(std::filesystem::current_path(), start);
}

}  // namespace
}  // namespace strata
