#include "llm/train/dataset.h"

#include <numeric>

#include "base/file.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace strata::llm {
namespace {

using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

std::vector<int32_t> Counting(int n) {
  std::vector<int32_t> tokens(static_cast<size_t>(n));
  std::iota(tokens.begin(), tokens.end(), 0);
  return tokens;
}

TEST(TokenDataset, TargetsAreTheNextTokens) {
  STRATA_ASSERT_OK_AND_ASSIGN(TokenDataset dataset, TokenDataset::Create(Counting(100), 3, 7, 1));
  for (int64_t step = 0; step < 50; ++step) {
    const Batch batch = dataset.BatchAt(step);
    ASSERT_EQ(batch.tokens.dims(), (std::vector<int64_t>{3, 7}));
    for (int i = 0; i < 21; ++i) {
      EXPECT_EQ(batch.targets.data<int32_t>()[i], batch.tokens.data<int32_t>()[i] + 1);
      EXPECT_LT(batch.targets.data<int32_t>()[i], 100);
    }
  }
}

TEST(TokenDataset, BatchesDependOnSeedAndStepAlone) {
  STRATA_ASSERT_OK_AND_ASSIGN(TokenDataset a, TokenDataset::Create(Counting(1000), 2, 5, 1));
  STRATA_ASSERT_OK_AND_ASSIGN(TokenDataset b, TokenDataset::Create(Counting(1000), 2, 5, 2));
  a.BatchAt(3);
  EXPECT_EQ(a.BatchAt(9).tokens.ToDoubles(), a.BatchAt(9).tokens.ToDoubles());
  EXPECT_NE(a.BatchAt(9).tokens.ToDoubles(), a.BatchAt(10).tokens.ToDoubles());
  EXPECT_NE(a.BatchAt(9).tokens.ToDoubles(), b.BatchAt(9).tokens.ToDoubles());
}

TEST(TokenDataset, ShortCorpusIsRefusedWithARemedy) {
  EXPECT_OK(TokenDataset::Create(Counting(8), 1, 7, 1));
  EXPECT_THAT(TokenDataset::Create(Counting(7), 1, 7, 1),
              StatusIs(kInvalid, HasSubstr("shorter sequence")));
  EXPECT_THAT(TokenDataset::Create(Counting(7), 0, 1, 1), StatusIs(kInvalid, HasSubstr("batch")));
}

TEST(ReadCorpus, NamesTheFileAndTheByte) {
  const std::string folder = testing::TempDir();
  const std::string good = JoinPath(folder, "good"), bad = JoinPath(folder, "bad"),
                    empty = JoinPath(folder, "empty");
  ASSERT_OK(WriteFileAtomic(good, "text"));
  ASSERT_OK(WriteFileAtomic(bad, "te\xFFxt"));
  ASSERT_OK(WriteFileAtomic(empty, ""));
  STRATA_ASSERT_OK_AND_ASSIGN(std::string corpus, ReadCorpus({good, good}));
  EXPECT_EQ(corpus, "text<|endoftext|>text");
  EXPECT_THAT(ReadCorpus({good, bad}),
              StatusIs(kInvalid, testing::AllOf(HasSubstr(bad), HasSubstr("2"))));
  EXPECT_THAT(ReadCorpus({empty}), StatusIs(kInvalid, HasSubstr(empty)));
  EXPECT_THAT(ReadCorpus({}), StatusIs(kInvalid, HasSubstr("names no file")));
  EXPECT_THAT(ReadCorpus({"/no/such"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/no/such")));
}

}  // namespace
}  // namespace strata::llm
