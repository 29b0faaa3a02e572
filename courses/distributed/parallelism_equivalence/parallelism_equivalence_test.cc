// The lab's claims; of the matrix a few rows, as //distributed:equivalence_matrix_test has them all.
#include "base/status_matchers.h"
#include "courses/distributed/parallelism_equivalence/study.h"
#include "gtest/gtest.h"

namespace strata::courses {
namespace {

TEST(ParallelismEquivalenceTest, ClaimsHold) {
  STRATA_ASSERT_OK_AND_ASSIGN(const EquivalenceStudy study, RunEquivalenceStudy(/*every=*/17));
  for (const EquivalenceClaim& claim : ClaimsOf(study))
    EXPECT_TRUE(claim.holds) << claim.claim << ": " << claim.evidence;
}

}  // namespace
}  // namespace strata::courses
