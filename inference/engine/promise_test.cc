// Every pair of features together, token for token; and README.md shows the matrix as it came out.
#include "inference/engine/promise.h"

#include <memory>
#include <string>

#include "base/file.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "inference/engine/fake_model.h"

namespace strata::inference {
namespace {

class PromiseTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto run = PromiseMatrix::Run(MakeFakeModel(PromiseMatrix::kContext, /*seed=*/5), nullptr,
                                  ByteTokenizer());
    ASSERT_OK(run);
    matrix_ = std::make_unique<PromiseMatrix>(*std::move(run));
  }
  static void TearDownTestSuite() { matrix_.reset(); }
  void SetUp() override { ASSERT_NE(matrix_, nullptr); }

  static std::unique_ptr<PromiseMatrix> matrix_;
};

std::unique_ptr<PromiseMatrix> PromiseTest::matrix_;

TEST_F(PromiseTest, NoPairOfFeaturesChangesAnAnswer) {
  for (const PromiseCell& cell : matrix_->cells()) {
    EXPECT_GE(cell.answers, 3);
    for (const std::string& difference : cell.differences)
      ADD_FAILURE() << cell.first << " with " << cell.second << ": " << difference;
  }
}

TEST_F(PromiseTest, TheFeaturesDidWhatTheyAreNamedAfter) {
  EXPECT_GT(matrix_->Alone("prefixes").stats.prefix_hits, 40);
  EXPECT_GT(matrix_->Alone("preemption").stats.preemptions, 0);
  EXPECT_GT(matrix_->Alone("lookup").stats.accepted_tokens, 3);
  EXPECT_GT(matrix_->Alone("tree").stats.accepted_tokens, 3);
  EXPECT_GT(matrix_->Alone("draft").stats.accepted_tokens, 5);
  EXPECT_GT(matrix_->Alone("chunks").stats.steps, matrix_->Alone("threads").stats.steps);
  EXPECT_LT(matrix_->Alone("others").stats.steps, matrix_->Alone("others").stats.step_tokens / 2);
  EXPECT_EQ(matrix_->Alone("n = 3").answers, 9);
}

TEST_F(PromiseTest, TheReadmeShowsTheMatrix) {
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string readme, ReadFile("inference/engine/README.md"));
  const std::string begin = "<!-- matrix: begin -->\n", end = "<!-- matrix: end -->";
  const size_t from = readme.find(begin), to = readme.find(end);
  ASSERT_NE(from, std::string::npos);
  ASSERT_NE(to, std::string::npos);
  EXPECT_EQ(readme.substr(from + begin.size(), to - from - begin.size()), matrix_->Table())
      << "put this between the marks:\n"
      << matrix_->Table();
}

}  // namespace
}  // namespace strata::inference
