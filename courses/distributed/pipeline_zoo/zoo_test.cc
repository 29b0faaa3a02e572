#include "courses/distributed/pipeline_zoo/zoo.h"

#include "base/status_matchers.h"
#include "courses/distributed/pipeline_zoo/report.h"
#include "courses/lab/false_claims.h"

namespace strata::courses {
namespace {

using ::testing::HasSubstr;

void ExpectAllClaims(const ZooQuestion& question) {
  const auto zoo = MakeZoo(question);
  ASSERT_OK(zoo);
  EXPECT_EQ(zoo->animals.size(), 9u);
  const auto claims = ClaimsOf(*zoo);
  EXPECT_EQ(claims.size(), 10u);
  EXPECT_EQ(FalseClaims(claims), "");
}

TEST(PipelineZooTest, ClaimsHold) { ExpectAllClaims({}); }

TEST(PipelineZooTest, ClaimsHoldForOtherShapesAndTimes) {
  ExpectAllClaims({.ranks = 6, .microbatches = 12});
  ExpectAllClaims({.ranks = 4, .microbatches = 8, .forward = 24});  // Chimera's assumption
  ExpectAllClaims(
      {.ranks = 4, .microbatches = 16, .forward = 14, .backward_input = 12, .weight = 8});
}

// A claim about something else than what was simulated does not hold: the checks look.
TEST(PipelineZooTest, SpoiledResultsAreNoticed) {
  const auto zoo = MakeZoo({});
  ASSERT_OK(zoo);
  EXPECT_TRUE(FailsWhen(*zoo, 0, [](Zoo& z) { ++z.animals[1].form.bubble; }));
  EXPECT_TRUE(FailsWhen(*zoo, 1, [](Zoo& z) { ++z.by_microbatches[4].bubble[2]; }));
  EXPECT_TRUE(FailsWhen(*zoo, 2, [](Zoo& z) { ++z.animals[7].form.peak_activations; }));
  EXPECT_TRUE(FailsWhen(*zoo, 3, [](Zoo& z) { ++z.animals[0].run.makespan; }));
  EXPECT_TRUE(FailsWhen(*zoo, 4, [](Zoo& z) { ++z.animals[2].messages; }));
  EXPECT_TRUE(FailsWhen(*zoo, 5, [](Zoo& z) { ++z.animals[6].run.ranks[1].gaps; }));
  EXPECT_TRUE(FailsWhen(*zoo, 6, [](Zoo& z) { z.animals[3].parameters = 1; }));
  EXPECT_TRUE(
      FailsWhen(*zoo, 7, [](Zoo& z) { std::swap(z.by_hop[0].fraction, z.by_hop[1].fraction); }));
  EXPECT_TRUE(FailsWhen(*zoo, 8, [](Zoo& z) { --z.animals[5].refused; }));
  EXPECT_TRUE(FailsWhen(*zoo, 9, [](Zoo& z) { z.published[0].predicted *= 1.1; }));
}

TEST(PipelineZooTest, ReportShowsEverySchedule) {
  const auto zoo = MakeZoo({});
  ASSERT_OK(zoo);
  const Report report = MakeReport(*zoo);
  EXPECT_TRUE(report.passed());
  const std::string html = report.Html();
  for (const Animal& animal : zoo->animals) EXPECT_THAT(html, HasSubstr(animal.title + ": "));
}

TEST(PipelineZooTest, QuestionsThatNotAllCanAnswer) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(MakeZoo({.ranks = 3}), StatusIs(kInvalid, HasSubstr("ranks: is 3")));
  EXPECT_THAT(MakeZoo({.ranks = 4, .microbatches = 10}),
              StatusIs(kInvalid, HasSubstr("give a multiple of 4 from 8")));
  EXPECT_THAT(MakeZoo({.weight = 5}),
              StatusIs(kInvalid, HasSubstr("5 is not a positive multiple")));
}

}  // namespace
}  // namespace strata::courses
