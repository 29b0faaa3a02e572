// The lab's claims, on the study that the page shows.
#include <vector>

#include "base/status_matchers.h"
#include "courses/distributed/moe_routing/study.h"
#include "courses/lab/false_claims.h"
#include "gtest/gtest.h"

namespace strata::courses {
namespace {

TEST(MoeRoutingTest, ClaimsHold) {
  STRATA_ASSERT_OK_AND_ASSIGN(const RoutingStudy study, RunStudy({}));
  EXPECT_EQ(FalseClaims(ClaimsOf(study)), "");
}

// One step's loads in the place of all of a run's.
void SetLoads(RoutingRun* run, const std::vector<double>& loads) {
  for (std::vector<double>& step : run->loads) step = loads;
}

// Each claim looks at what it is about, and at nothing else.
TEST(MoeRoutingTest, ASpoiledStudyFailsTheClaimAboutIt) {
  STRATA_ASSERT_OK_AND_ASSIGN(const RoutingStudy study, RunStudy({}));
  const auto failed = [&](auto spoil) {
    RoutingStudy spoiled = study;
    spoil(spoiled);
    return FalsePlaces(ClaimsOf(spoiled));
  };
  const auto run_of = [](RoutingStudy& s, Balance balance) -> RoutingRun& {
    return s.runs[static_cast<size_t>(balance)];
  };
  const std::vector<double> even(8, 10), uneven = {30, 8, 7, 7, 7, 7, 7, 7};
  using Failed = std::vector<size_t>;
  ASSERT_EQ(ClaimsOf(study).size(), 10u);
  EXPECT_EQ(failed([](RoutingStudy&) {}), Failed{});
  EXPECT_EQ(failed([&](RoutingStudy& s) { SetLoads(&run_of(s, Balance::kNone), even); }),
            Failed{0});
  EXPECT_EQ(failed([&](RoutingStudy& s) { SetLoads(&run_of(s, Balance::kLoss), uneven); }),
            Failed{1});
  EXPECT_EQ(failed([&](RoutingStudy& s) { SetLoads(&run_of(s, Balance::kBias), uneven); }),
            Failed{2});
  EXPECT_EQ(failed([&](RoutingStudy& s) { ++run_of(s, Balance::kExpertChoice).loads.back()[0]; }),
            Failed{3});
  EXPECT_EQ(failed([&](RoutingStudy& s) { run_of(s, Balance::kExpertChoice).underserved = 0.05; }),
            Failed{3});
  for (size_t run = 0; run < study.runs.size(); ++run) {
    EXPECT_EQ(
        failed([&](RoutingStudy& s) { s.runs[run].losses.assign(s.runs[run].losses.size(), 0.5); }),
        Failed{4});
  }
  EXPECT_EQ(failed([](RoutingStudy& s) { s.drops[1].dropped = s.drops[0].dropped; }), Failed{5});
  EXPECT_EQ(failed([](RoutingStudy& s) { s.drops[2].dropped = s.drops[0].dropped; }), Failed{5});
  EXPECT_EQ(failed([](RoutingStudy& s) { s.drops[1].dropped.back() = 1e-3; }), Failed{6});
  EXPECT_EQ(failed([](RoutingStudy& s) { s.drops[0].dropped.front() = 0; }), Failed{6});
  for (size_t way = 0; way < study.traffic.size(); ++way) {
    EXPECT_EQ(failed([&](RoutingStudy& s) {
                s.traffic[way].largest_error = 1.01 * s.traffic[way].error_bound;
              }),
              Failed{7});
    EXPECT_EQ(failed([&](RoutingStudy& s) { ++s.traffic[way].wire_bytes; }), Failed{8});
  }
  EXPECT_EQ(failed([](RoutingStudy& s) { s.traffic[2].rank_rows = s.traffic[0].rank_rows; }),
            Failed{9});
  EXPECT_EQ(failed([](RoutingStudy& s) { s.traffic[0].rank_rows = s.traffic[2].rank_rows; }),
            Failed{9});
}

TEST(MoeRoutingTest, MeasuresOfLoad) {
  EXPECT_EQ(MaxOverMean({1, 1, 1, 1}), 1);
  EXPECT_EQ(MaxOverMean({4, 0, 0, 0}), 4);
  EXPECT_NEAR(RelativeEntropy({3, 3}), 1, 1e-12);
  EXPECT_NEAR(RelativeEntropy({1, 0, 0}), 0, 1e-12);
}

}  // namespace
}  // namespace strata::courses
