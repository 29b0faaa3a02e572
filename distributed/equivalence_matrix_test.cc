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
         "--write=distributed/README.md";
}

std::string TestName(const testing::TestParamInfo<MatrixRow>& info) {
  std::string name;
  for (char c : info.param.name()) name += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, EquivalenceMatrixTest, testing::ValuesIn(EquivalenceMatrix()),
                         TestName);

// The tolerances are narrow: a rank that starts with one matrix out by a part in ten thousand is found.
TEST(EquivalenceTest, SeesSmallMistakes) {
  MatrixRow row = EquivalenceMatrix().front();
  row.parallelism = {.pp = 2, .dp = 2, .zero = parallel::ZERO_1, .microbatches = 2};
  STRATA_ASSERT_OK_AND_ASSIGN(const MatrixResult result, Measure(row, [](int rank, auto* state) {
                                graph::HostTensor& weight = state->at("h.0.mlp.fc.weight");
                                weight = weight.Clone();
                                for (int64_t i = 0; rank == 1 && i < weight.elements(); ++i)
                                  weight.data<float>()[i] *= 1.0001f;
                              }));
  EXPECT_THAT(Check(result),
              StatusIs(absl::StatusCode::kInternal, testing::HasSubstr("its tolerance")));
}

// And so are those of bytes and memory.
TEST(EquivalenceTest, ChecksBytesAndMemory) {
  MatrixResult result;
  result.worst = 1;
  result.wire_bytes = result.wire_formula = 8;
  result.peak_ratio = 0.991;
  EXPECT_OK(Check(result));
  result.peak_ratio = 1.011;
  EXPECT_THAT(Check(result), StatusIs(absl::StatusCode::kInternal, testing::HasSubstr("peak")));
  result.wire_bytes = 9;
  EXPECT_THAT(Check(result),
              StatusIs(absl::StatusCode::kInternal, testing::HasSubstr("sent 9 bytes")));
}

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
