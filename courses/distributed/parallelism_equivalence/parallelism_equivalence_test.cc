// The lab's claims; of the matrix a few rows, as //distributed:equivalence_matrix_test has them all.
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/status_matchers.h"
#include "courses/distributed/parallelism_equivalence/study.h"
#include "courses/lab/false_claims.h"
#include "gtest/gtest.h"

namespace strata::courses {
namespace {

using Failed = std::vector<size_t>;

// The claims that fail, by their place.
class ParallelismEquivalenceTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    auto study = RunEquivalenceStudy(/*every=*/17);
    ASSERT_OK(study.status());
    study_ = new EquivalenceStudy(*std::move(study));
  }
  static void TearDownTestSuite() { delete study_; }

  template <typename Spoil>
  static Failed FailedAfter(const Spoil& spoil) {
    EquivalenceStudy spoiled = *study_;
    spoil(spoiled);
    return FalsePlaces(ClaimsOf(spoiled));
  }

  static EquivalenceStudy* study_;
};

EquivalenceStudy* ParallelismEquivalenceTest::study_ = nullptr;

TEST_F(ParallelismEquivalenceTest, ClaimsHold) {
  ASSERT_NE(study_, nullptr);
  const std::vector<Claim> claims = ClaimsOf(*study_);
  EXPECT_EQ(claims.size(), 7u);
  EXPECT_EQ(FalseClaims(claims), "");
}

// Each claim looks at what it is about, and at nothing else.
TEST_F(ParallelismEquivalenceTest, ASpoiledStudyFailsTheClaimAboutIt) {
  ASSERT_NE(study_, nullptr);
  for (size_t row = 0; row < study_->rows.size(); ++row) {
    EXPECT_EQ(FailedAfter([&](EquivalenceStudy& s) { s.rows[row].worst = 1.01; }), Failed{0});
    EXPECT_EQ(FailedAfter([&](EquivalenceStudy& s) { ++s.rows[row].wire_bytes; }), Failed{1});
    EXPECT_EQ(FailedAfter([&](EquivalenceStudy& s) { s.rows[row].peak_ratio = 0.98; }), Failed{2});
  }
  EXPECT_EQ(FailedAfter([](EquivalenceStudy& s) { s.unequal.push_back("a row"); }), Failed{0});
  for (size_t i = 1; i < study_->memory.size(); ++i) {
    EXPECT_EQ(FailedAfter([&](EquivalenceStudy& s) {
                s.memory[i].peak_bytes = s.memory[i - 1].peak_bytes;
              }),
              Failed{3});
  }
  const auto with = [](EquivalenceStudy& s, auto change) {
    for (Mistake& mistake : s.mistakes) change(mistake);
  };
  EXPECT_EQ(FailedAfter([&](EquivalenceStudy& s) {
              with(s, [](Mistake& m) { m.gradient = m.what == "none" ? 2e-4 : m.gradient; });
            }),
            Failed{4});
  EXPECT_EQ(FailedAfter([](EquivalenceStudy& s) {
              Mistake& last = s.mistakes.back();
              last.loss = last.gradient = last.update = 1e-5;
            }),
            Failed{5});
  EXPECT_EQ(FailedAfter([&](EquivalenceStudy& s) {
              with(s, [](Mistake& m) { m.loss = m.what == "none" ? m.loss : 0.1; });
            }),
            Failed{6});
}

// Not the numbers but the run is spoiled: one rank starts from another weight.
TEST_F(ParallelismEquivalenceTest, ARankThatStartsElsewhereIsNotOneDevice) {
  ASSERT_NE(study_, nullptr);
  distributed::MatrixRow row{.model_name = "gpt", .model = {}};
  row.parallelism.dp = 2;
  STRATA_ASSERT_OK_AND_ASSIGN(
      const distributed::MatrixResult off,
      Measure(row, [](int rank, std::map<std::string, graph::HostTensor>* state) {
        graph::HostTensor& first = state->begin()->second;
        first = first.Clone();
        if (rank == 1) first.data<float>()[0] += 0.5f;
      }));
  EXPECT_GT(off.worst, 1);
  EXPECT_EQ(FailedAfter([&](EquivalenceStudy& s) { s.rows.push_back(off); }), Failed{0});
}

}  // namespace
}  // namespace strata::courses
