#include "courses/distributed/collectives_three_ways/study.h"

#include <string>
#include <utility>
#include <vector>

#include "base/status_matchers.h"
#include "courses/distributed/collectives_three_ways/report.h"
#include "courses/lab/false_claims.h"
#include "distributed/simulator/network.h"

namespace strata::courses {
namespace {

using ::testing::HasSubstr;

const Study& TheStudy() {
  static const auto* study = [] {
    auto made = MakeStudy({.measured_ranks = 0});
    EXPECT_OK(made);
    return new Study(*std::move(made));
  }();
  return *study;
}

TEST(CollectivesThreeWaysTest, ClaimsHold) {
  const auto claims = ClaimsOf(TheStudy());
  EXPECT_EQ(claims.size(), 7u);
  EXPECT_EQ(FalseClaims(claims), "");
}

Line& Find(Race& race, const std::string& name) {
  for (Line& line : race.lines) {
    if (line.name() == name) return line;
  }
  ADD_FAILURE() << "no line " << name;
  return race.lines[0];
}

// A claim about something else than what was found does not hold: the checks look.
TEST(CollectivesThreeWaysTest, SpoiledResultsAreNoticed) {
  EXPECT_TRUE(FailsWhen(TheStudy(), 0, [](Study& s) { s.bits[3].equals_reference = false; }));
  EXPECT_TRUE(FailsWhen(TheStudy(), 1, [](Study& s) { s.bits[5].same_again = false; }));
  EXPECT_TRUE(
      FailsWhen(TheStudy(), 2, [](Study& s) { Find(s.flat[0], "ring").simulated[9] *= 1.02; }));
  EXPECT_TRUE(
      FailsWhen(TheStudy(), 2, [](Study& s) { Find(s.region[4], "tree").simulated[3] *= 1.5; }));
  EXPECT_TRUE(FailsWhen(TheStudy(), 3, [](Study& s) {
    for (double& seconds : Find(s.flat[1], "ring").simulated) seconds *= 3;
  }));
  EXPECT_TRUE(
      FailsWhen(TheStudy(), 4, [](Study& s) { Find(s.flat[0], "ring").simulated[0] = 1e-9; }));
  EXPECT_TRUE(FailsWhen(
      TheStudy(), 4, [](Study& s) { Find(s.flat[0], "recursive_doubling").model.back() = 1e-9; }));
  EXPECT_TRUE(
      FailsWhen(TheStudy(), 5, [](Study& s) { Find(s.region[2], "ring").simulated[0] = 1e-9; }));
  EXPECT_TRUE(FailsWhen(TheStudy(), 6,
                        [](Study& s) { Find(s.nodes[2], "hierarchical").simulated.back() = 1; }));
}

TEST(CollectivesThreeWaysTest, CrossoversAreWhereTheLinesMeet) {
  const auto network = distributed::Network::Uniform({1e-6, 1e-9, 1e-15}, 12);
  std::vector<int64_t> bytes;
  for (int64_t size = 48; size <= 48 << 12; size *= 2) bytes.push_back(size);
  const auto race = RaceOverSizes(network, distributed::Verb::kAllToAll, 12, bytes);
  ASSERT_OK(race);
  // Pairwise: 11 (alpha + beta b); Bruck: 4 alpha + 20 beta b, as 1 ... 11 have 20 bits. They meet at b = 7 / 9 kB.
  for (const Crossover& each : CrossoversOf(*race)) {
    if (each.small != "bruck" || each.large != "pairwise") continue;
    EXPECT_NEAR(each.model, 12 * 7000.0 / 9, 300);
    EXPECT_NEAR(each.simulated, each.model, 1);
    return;
  }
  ADD_FAILURE() << "no crossover of Bruck and pairwise";
}

// Whatever the clock says; that it says something.
TEST(CollectivesThreeWaysTest, ThreadsAreMeasured) {
  const auto measured = MeasureThreads(2, {1024, 4096});
  ASSERT_OK(measured);
  ASSERT_EQ(measured->races.size(), 3u);
  for (const Race& race : measured->races) {
    for (const Line& line : race.lines) {
      for (size_t at = 0; at < 2; ++at) EXPECT_EQ(line.measured[at] > 0, line.model[at] > 0);
    }
  }
}

TEST(CollectivesThreeWaysTest, ReportShowsEveryClaim) {
  Study study = TheStudy();
  auto measured = MeasureThreads(2, {1024});
  ASSERT_OK(measured);
  study.measured = *std::move(measured);
  const Report report = MakeReport(study);
  EXPECT_TRUE(report.passed());
  const std::string html = report.Html();
  for (const char* text :
       {"infiniband_hosts", "h100_roce", "Threads of this machine", "halving_doubling"})
    EXPECT_THAT(html, HasSubstr(text));
}

TEST(CollectivesThreeWaysTest, QuestionsWithoutAnAnswer) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(MakeStudy({.ranks = 12}), StatusIs(kInvalid, HasSubstr("ranks: is 12")));
  EXPECT_THAT(MakeStudy({.odd_ranks = 8}), StatusIs(kInvalid, HasSubstr("odd_ranks: is 8")));
  EXPECT_THAT(MakeStudy({.flat = "h100_roce"}), StatusIs(kInvalid, HasSubstr("has 2 levels")));
  EXPECT_THAT(MakeStudy({.ranks = 8}), StatusIs(kInvalid, HasSubstr("no nodes smaller than 8")));
  EXPECT_THAT(MakeStudy({.flat = "moon"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no cluster named 'moon'")));
}

}  // namespace
}  // namespace strata::courses
