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
  const auto fails = [&](size_t place, const auto& spoil) {
    return FailsWhen(study, place, spoil);
  };
  const auto shape = [](LongContext& s, const std::string& name) -> ShapeCount& {
    for (ShapeCount& count : s.shapes)
      if (count.shape.name == name) return count;
    ADD_FAILURE() << "no shape " << name;
    return s.shapes[0];
  };
  const auto curve = [](LongContext& s, const std::string& name) -> Recall& {
    for (RecallCurve& c : s.curves)
      if (c.name == name) return c.recall;
    ADD_FAILURE() << "no curve " << name;
    return s.curves[0].recall;
  };
  EXPECT_TRUE(fails(0, [&](LongContext& s) { ++shape(s, "MHA").token_bytes[0]; }));
  EXPECT_TRUE(fails(1, [&](LongContext& s) { shape(s, "MQA").token_bytes[1] = 1 << 20; }));
  EXPECT_TRUE(fails(2, [&](LongContext& s) { shape(s, "MHA").shape.recent = 8192; }));
  EXPECT_TRUE(fails(3, [&](LongContext& s) { shape(s, "GQA").decode.back().bytes_read *= 2; }));
  EXPECT_TRUE(fails(4, [&](LongContext& s) { s.shapes.back().decode.back().flops *= 2; }));
  EXPECT_TRUE(fails(5, [&](LongContext& s) { shape(s, "GQA").decode.back().flops *= 2; }));
  EXPECT_TRUE(fails(6, [&](LongContext& s) { curve(s, "full").share[3] = 0.5; }));
  EXPECT_TRUE(fails(7, [&](LongContext& s) { curve(s, "window").share[0] = 0.5; }));
  EXPECT_TRUE(fails(8, [&](LongContext& s) { curve(s, "window").share.back() = 0.5; }));
  EXPECT_TRUE(fails(9, [&](LongContext& s) { curve(s, "recent").share.back() = 0.5; }));
  EXPECT_TRUE(fails(10, [&](LongContext& s) { curve(s, "sinks").share[1] = 0.5; }));
  EXPECT_TRUE(fails(11, [&](LongContext& s) { curve(s, "sinks, key late").share.back() = 0.5; }));
  EXPECT_TRUE(fails(12, [&](LongContext& s) { curve(s, "int8").answers[0] ^= 1; }));
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
