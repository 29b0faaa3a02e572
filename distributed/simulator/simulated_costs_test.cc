#include "distributed/simulator/simulated_costs.h"

#include <algorithm>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "distributed/collective/algorithm_table.h"
#include "distributed/simulator/clusters.h"
#include "distributed/simulator/simulate_calls.h"

namespace strata::distributed {
namespace {

constexpr int64_t kLargest = 4 << 20;

Tuning TuningOf(const Network& network, int ranks) {
  Tuning tuning = {.link = network.SlowestLink(ranks), .block_bytes = 64 << 20};
  tuning.ranks_per_node = static_cast<int>(network.level_ranks(0));
  return tuning;
}

// At sizes that lie between those simulated beforehand.
void ExpectPicksNearTheBest(const char* cluster, int ranks) {
  STRATA_ASSERT_OK_AND_ASSIGN(const chips::Cluster found, FindCluster(cluster));
  STRATA_ASSERT_OK_AND_ASSIGN(const Network network, Network::Of(found));
  const Tuning tuning = TuningOf(network, ranks);
  STRATA_ASSERT_OK_AND_ASSIGN(const SimulatedCosts costs,
                              SimulatedCosts::Of(network, ranks, tuning, kLargest));
  std::vector<SimulatedCall> calls;
  for (const Algorithm& row : AlgorithmTable()) {
    if (!row.takes(ranks, tuning)) continue;
    for (int64_t count : {7, 500, 2500, 9000, 40000}) calls.push_back({&row, count});
  }
  STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<double> seconds,
                              SimulateCalls(network, ranks, calls, tuning));
  std::map<std::pair<Verb, int64_t>, double> best, picked;
  for (size_t k = 0; k < calls.size(); ++k) {
    const Verb verb = calls[k].algorithm->verb;
    const auto key = std::make_pair(verb, calls[k].count);
    const auto [place, is_new] = best.insert({key, seconds[k]});
    if (!is_new) place->second = std::min(place->second, seconds[k]);
    if (&costs.Pick(verb, calls[k].count) == calls[k].algorithm) picked[key] = seconds[k];
  }
  for (const auto& [key, least] : best) {
    ASSERT_EQ(picked.count(key), 1u);
    EXPECT_LE(picked[key], 1.05 * least)
        << cluster << ": " << VerbName(key.first) << " of " << key.second << ", ranks " << ranks
        << ": " << costs.Pick(key.first, key.second).name;
  }
}

TEST(SimulatedCostsTest, PicksWithinFivePercentOfTheBestBetweenNodes) {
  ExpectPicksNearTheBest("h100_roce", 16);
  ExpectPicksNearTheBest("h100_infiniband", 24);
}

TEST(SimulatedCostsTest, PicksWithinFivePercentOfTheBestOnEqualLinks) {
  ExpectPicksNearTheBest("infiniband_hosts", 6);
}

TEST(SimulatedCostsTest, SecondsLieOnLines) {
  const Network network = Network::Uniform({1, 1e-3, 0}, 4);
  const Tuning tuning = {.link = network.SlowestLink(4)};
  STRATA_ASSERT_OK_AND_ASSIGN(const SimulatedCosts costs,
                              SimulatedCosts::Of(network, 4, tuning, 1024));
  const Algorithm* doubling = *FindAlgorithm(Verb::kAllReduce, "recursive_doubling");
  for (int64_t count : {1, 3, 16, 100, 256, 5000})
    EXPECT_NEAR(costs.Seconds(*doubling, count), 2 + 8e-3 * static_cast<double>(count), 1e-9);
  const Algorithm* torus = *FindAlgorithm(Verb::kAllReduce, "torus_3d");
  EXPECT_GT(costs.Seconds(*torus, 1), 1e300);
}

}  // namespace
}  // namespace strata::distributed
