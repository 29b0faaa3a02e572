#include "base/atomic_file.h"

#include <filesystem>
#include <string>

#include "base/file.h"
#include "base/status_matchers.h"

namespace strata {
namespace {

using ::testing::HasSubstr;

class AtomicFileTest : public ::testing::Test {
 protected:
  AtomicFileTest() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  int64_t Files() const {
    return std::distance(std::filesystem::directory_iterator(folder_),
                         std::filesystem::directory_iterator());
  }
  const std::string folder_ = JoinPath(::testing::TempDir(), "atomic_file");
  const std::string path_ = JoinPath(folder_, "x");
};

TEST_F(AtomicFileTest, AppearsWholeWithCommit) {
  ASSERT_OK(WriteFileAtomic(path_, "old"));
  STRATA_ASSERT_OK_AND_ASSIGN(auto file, AtomicFile::Create(path_));
  ASSERT_OK(file->Append("new "));
  ASSERT_OK(file->Append(""));
  ASSERT_OK(file->Append("content"));
  EXPECT_EQ(file->size(), 11u);
  EXPECT_EQ(*ReadFile(path_), "old");
  ASSERT_OK(file->Commit());
  EXPECT_EQ(*ReadFile(path_), "new content");
  file.reset();
  EXPECT_EQ(*ReadFile(path_), "new content");
  EXPECT_EQ(Files(), 1);
}

TEST_F(AtomicFileTest, LeavesNothingWithoutCommit) {
  {
    STRATA_ASSERT_OK_AND_ASSIGN(auto file, AtomicFile::Create(path_));
    ASSERT_OK(file->Append("half"));
  }
  EXPECT_EQ(Files(), 0);
}

TEST_F(AtomicFileTest, TwoOfOnePathDoNotMix) {
  STRATA_ASSERT_OK_AND_ASSIGN(auto a, AtomicFile::Create(path_));
  STRATA_ASSERT_OK_AND_ASSIGN(auto b, AtomicFile::Create(path_));
  ASSERT_OK(a->Append("a"));
  ASSERT_OK(b->Append("b"));
  ASSERT_OK(a->Commit());
  ASSERT_OK(b->Commit());
  EXPECT_EQ(*ReadFile(path_), "b");
}

TEST_F(AtomicFileTest, NamesThePathThatCannotBeWritten) {
  EXPECT_THAT(AtomicFile::Create(JoinPath(folder_, "none/x")),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("none/x: cannot create")));
}

}  // namespace
}  // namespace strata
