#include "base/status_matchers.h"
#include "courses/lab/false_claims.h"
#include "courses/llm/long_context/study.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::courses {
namespace {

using ::testing::HasSubstr;

TEST(LongContext, ClaimsHold) {
  STRATA_ASSERT_OK_AND_ASSIGN(const LongContext study, StudyLongContext({}));
  ASSERT_EQ(study.shapes.size(), 6u);
  ASSERT_EQ(study.curves.size(), 6u);
  ASSERT_EQ(ClaimsOf(study).size(), 13u);
  EXPECT_EQ(FalseClaims(ClaimsOf(study)), "");
  // Two layers of eight heads of 64: 2 x 2 x 8 x 64 numbers, by hand.
  EXPECT_EQ(study.shapes[0].token_bytes[0], 8192);
  EXPECT_EQ(study.shapes[0].KvBytes(32768, 1), int64_t{4096} * 32768);
}

TEST(LongContext, OptionsAreChecked) {
  EXPECT_THAT(StudyLongContext({.lengths = {64}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("two or more")));
  EXPECT_THAT(StudyLongContext({.lengths = {64, 64}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("above the one before")));
  EXPECT_THAT(StudyLongContext({.lengths = {1024, 2048}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("give 1028 or more")));
  EXPECT_THAT(StudyLongContext({.repeats = 0}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("1 or more")));
}

}  // namespace
}  // namespace strata::courses
