// Every row of the matrix is one device, sends what the formula says and holds what the model says; and README.md shows
// what was measured.
#include "distributed/equivalence_matrix.h"

#include <cctype>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "base/file.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace strata::distributed {
namespace {

class EquivalenceMatrixTest : public testing::TestWithParam<MatrixRow> {};

TEST_P(EquivalenceMatrixTest, EqualsOneDevice) {
  STRATA_ASSERT_OK_AND_ASSIGN(const MatrixResult result, Measure(GetParam()));
  EXPECT_OK(Check(result));
  RecordProperty("worst", std::to_string(result.worst));
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string readme, ReadFile("distributed/README.md"));
  EXPECT_TRUE(absl::StrContains(readme, TableLine(result) + "\n"))
      << "the table in distributed/README.md lacks the line\n"
      << TableLine(result)
      << "\nwrite it anew: bazel run //distributed:equivalence_report -- "
         "--write=$PWD/distributed/README.md";
}

std::string TestName(const testing::TestParamInfo<MatrixRow>& info) {
  std::string name;
  for (char c : info.param.name()) name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, EquivalenceMatrixTest, testing::ValuesIn(EquivalenceMatrix()),
                         TestName);

// No line is left of a row that there is no more.
TEST(EquivalenceTableTest, HasAsManyLinesAsRows) {
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string readme, ReadFile("distributed/README.md"));
  const size_t head = readme.find(TableHead());
  ASSERT_NE(head, std::string::npos);
  size_t lines = 0;
  for (size_t at = head + TableHead().size(); readme.compare(at, 2, "| ") == 0; ++lines)
    at = readme.find('\n', at) + 1;
  EXPECT_EQ(lines, EquivalenceMatrix().size());
}

}  // namespace
}  // namespace strata::distributed
