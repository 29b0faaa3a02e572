// The table's formulas against the simulation of the algorithms themselves, for every row and 1 to 17 ranks.
#include "distributed/simulator/simulate_calls.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "chips/timeline/validate.h"
#include "distributed/collective/algorithm_table.h"
#include "distributed/simulator/clusters.h"

namespace strata::distributed {
namespace {

using ::testing::HasSubstr;

constexpr int kMostRanks = 17;
constexpr LinkModel kLink = {2e-6, 1e-10, 5e-11};

std::vector<SimulatedCall> CallsOfAllRows(int ranks, const Tuning& tuning,
                                          const std::vector<int64_t>& totals) {
  std::vector<SimulatedCall> calls;
  for (const Algorithm& row : AlgorithmTable()) {
    if (!row.takes(ranks, tuning)) continue;
    const bool whole =
        row.verb == Verb::kAllReduce || row.verb == Verb::kBroadcast || row.verb == Verb::kReduce;
    for (int64_t total : totals) {
      const int root = static_cast<int>(total % ranks);
      calls.push_back({&row, whole ? total : total / ranks, root});
    }
  }
  return calls;
}

std::string Named(const SimulatedCall& call, int ranks) {
  return absl::StrCat(VerbName(call.algorithm->verb), " by ", call.algorithm->name, " of ",
                      call.count, ", ranks ", ranks);
}

bool IsTree(const Algorithm& row) { return row.name == "tree" || row.name == "double_tree"; }

// A formula divides; messages have whole elements, and the first parts one more: an element a message, or, where
// messages are of many parts (halving), all of the longer ones on the way there and back.
double Rounding(const Cost& cost, int ranks) {
  return std::max<double>(cost.messages, 2 * ranks) * 4 *
         (kLink.beta_seconds_per_byte + kLink.gamma_seconds_per_byte);
}

// Parts of no elements are not sent, and the formula counts them: there must be one for each rank, twice for two trees.
// Trees wait for nobody, where the formula's steps are those of a clock: they may be ahead of it.
double LeastShare(const SimulatedCall& call, int ranks) {
  if (call.count < 2 * ranks) return 0.5;
  return IsTree(*call.algorithm) ? 0.97 : 1;
}

TEST(SimulateCallsTest, TimesAreThoseOfTheFormulas) {
  const Tuning tuning = {.link = kLink};
  for (int n = 2; n <= kMostRanks; ++n) {
    const auto calls = CallsOfAllRows(n, tuning, {17, 1031, 250007});
    STRATA_ASSERT_OK_AND_ASSIGN(
        const std::vector<double> seconds,
        SimulateCalls(Network::Uniform(kLink, kMostRanks), n, calls, tuning));
    for (size_t k = 0; k < calls.size(); ++k) {
      const Cost cost = calls[k].algorithm->cost(ShapeOf(calls[k], n, tuning));
      const double formula = cost.Seconds(kLink), rounding = Rounding(cost, n);
      EXPECT_LE(seconds[k], formula + rounding) << Named(calls[k], n);
      EXPECT_GE(seconds[k], LeastShare(calls[k], n) * formula - rounding) << Named(calls[k], n);
    }
  }
}

// 7200 = 16 * 450 = 2^5 3^2 5^2: what has as many parts as ranks divides.
TEST(SimulateCallsTest, TimesAreExactWhereAllDivides) {
  Tuning tuning = {.link = kLink};
  tuning.block_bytes = 1 << 30;
  for (int n : {2, 3, 4, 5, 6, 8, 9, 10, 12, 15, 16}) {
    const auto calls = CallsOfAllRows(n, tuning, {7200});
    STRATA_ASSERT_OK_AND_ASSIGN(
        const std::vector<double> seconds,
        SimulateCalls(Network::Uniform(kLink, kMostRanks), n, calls, tuning));
    for (size_t k = 0; k < calls.size(); ++k) {
      const Algorithm& row = *calls[k].algorithm;
      const double formula = row.cost(ShapeOf(calls[k], n, tuning)).Seconds(kLink);
      const bool pipelined =
          IsTree(row) ||
          (row.name == "ring" && (row.verb == Verb::kBroadcast || row.verb == Verb::kReduce));
      if (pipelined) continue;  // chunks as many as are best, not ranks
      EXPECT_NEAR(seconds[k] / formula, 1, 1e-9) << Named(calls[k], n);
    }
  }
}

TEST(SimulateCallsTest, NothingTakesNoTime) {
  const Tuning tuning = {.link = kLink};
  for (int n : {1, 2, 5, 16}) {
    std::vector<SimulatedCall> calls;
    for (const Algorithm& row : AlgorithmTable()) {
      if (n == 1 || row.takes(n, tuning)) calls.push_back({&row, n == 1 ? 100 : 0});
    }
    STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<double> seconds,
                                SimulateCalls(Network::Uniform(kLink, 16), n, calls, tuning));
    EXPECT_EQ(seconds, std::vector<double>(calls.size(), 0.0));
  }
}

TEST(SimulateCallsTest, NodesMakeHierarchicalTheBest) {
  STRATA_ASSERT_OK_AND_ASSIGN(const chips::Cluster cluster, FindCluster("h100_roce"));
  STRATA_ASSERT_OK_AND_ASSIGN(const Network network, Network::Of(cluster));
  const Tuning tuning = {.link = network.SlowestLink(16),
                         .block_bytes = 64 << 20,
                         .ranks_per_node = static_cast<int>(network.level_ranks(0))};
  const Algorithm* ring = *FindAlgorithm(Verb::kAllReduce, "ring");
  const Algorithm* hierarchical = *FindAlgorithm(Verb::kAllReduce, "hierarchical");
  const int64_t count = 16 << 20;
  STRATA_ASSERT_OK_AND_ASSIGN(
      const std::vector<double> seconds,
      SimulateCalls(network, 16, {{ring, count}, {hierarchical, count}}, tuning));
  EXPECT_LT(4 * seconds[1], seconds[0]);
  // By hand: 14 steps of an eighth over NVLink, 7 of them combined; then an eighth between 2 nodes: halved, combined,
  // doubled.
  const double m = 4.0 * count, part = m / 8, gamma = network.gamma();
  const double inside = 14 * (3.33e-6 + part / 370e9) + 7 * gamma * part;
  const double across = 2 * (5.6e-6 + part / 2 / 23.75e9) + gamma * part / 2;
  EXPECT_NEAR(seconds[1] / (inside + across), 1, 1e-9);
}

TEST(SimulateCallsTest, ATimelineShowsEveryMessage) {
  const Algorithm* ring = *FindAlgorithm(Verb::kAllReduce, "ring");
  const Tuning tuning = {.link = kLink};
  STRATA_ASSERT_OK_AND_ASSIGN(
      const chips::Timeline timeline,
      SimulateTimeline(Network::Uniform(kLink, 4), 4, {ring, 4000}, tuning));
  EXPECT_OK(chips::ValidateTimeline(timeline));
  EXPECT_EQ(timeline.name(), "ring all_reduce, 4 ranks");
  EXPECT_EQ(timeline.lanes_size(), 4);
  EXPECT_EQ(timeline.events_size(), 4 * 6);
  for (const chips::TimelineEvent& event : timeline.events()) EXPECT_EQ(event.bytes(), 8000);
}

TEST(SimulateCallsTest, WhatCannotBeDoneIsRefused) {
  const Algorithm* torus = *FindAlgorithm(Verb::kAllReduce, "torus_2d");
  const Tuning tuning;
  EXPECT_THAT(SimulateCalls(Network::Uniform(kLink, 9), 7, {{torus, 1}}, tuning),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("all_reduce by torus_2d is not for 7 ranks")));
  EXPECT_THAT(SimulateCalls(Network::Uniform(kLink, 3), 4, {{torus, 1}}, tuning),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("which has 3 chips")));
}

}  // namespace
}  // namespace strata::distributed
