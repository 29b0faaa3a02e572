// What the tuner picks by the formulas, against what the simulation of all rows finds best.
#include "distributed/collective/tuner.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "distributed/collective/algorithm_table.h"
#include "distributed/simulator/clusters.h"
#include "distributed/simulator/simulate_calls.h"

namespace strata::distributed {
namespace {

bool IsWhole(Verb verb) {
  return verb == Verb::kAllReduce || verb == Verb::kBroadcast || verb == Verb::kReduce;
}

// By verb and count: the rows and their times.
using Races = std::map<std::pair<Verb, int64_t>, std::map<const Algorithm*, double>>;

Races RaceAll(const Network& network, int ranks, const Tuning& tuning) {
  std::vector<SimulatedCall> calls;
  for (const Algorithm& row : AlgorithmTable()) {
    if (!row.takes(ranks, tuning)) continue;
    for (int64_t total : {1, 100, 2000, 15000, 60000, 300000}) {
      const int64_t count = IsWhole(row.verb) ? total : total / ranks;
      if (count > 0) calls.push_back({&row, count});
    }
  }
  const auto seconds = SimulateCalls(network, ranks, calls, tuning);
  EXPECT_OK(seconds);
  Races races;
  for (size_t k = 0; seconds.ok() && k < calls.size(); ++k)
    races[{calls[k].algorithm->verb, calls[k].count}][calls[k].algorithm] = (*seconds)[k];
  return races;
}

void ExpectPicksNearTheBest(const Network& network, const std::vector<int>& ranks) {
  for (int n : ranks) {
    const Tuning tuning = {.link = network.SlowestLink(n)};
    for (const auto& [what, times] : RaceAll(network, n, tuning)) {
      const auto [verb, count] = what;
      const SimulatedCall call = {times.begin()->first, count};
      const Algorithm& pick = PickAlgorithm(verb, ShapeOf(call, n, tuning));
      const auto best =
          std::min_element(times.begin(), times.end(),
                           [](const auto& a, const auto& b) { return a.second < b.second; });
      EXPECT_LE(times.at(&pick), 1.05 * best->second)
          << network.name() << ": " << VerbName(verb) << " of " << count << ", ranks " << n << ": "
          << pick.name << " for " << best->first->name;
    }
  }
}

TEST(TunerTest, PicksWithinFivePercentOfTheBestOnACluster) {
  STRATA_ASSERT_OK_AND_ASSIGN(const chips::Cluster cluster, FindCluster("infiniband_hosts"));
  STRATA_ASSERT_OK_AND_ASSIGN(const Network network, Network::Of(cluster));
  ExpectPicksNearTheBest(network, {2, 3, 4, 7, 8, 12, 17});
}

TEST(TunerTest, InsideANode) {
  STRATA_ASSERT_OK_AND_ASSIGN(const chips::Cluster cluster, FindCluster("h100_infiniband"));
  STRATA_ASSERT_OK_AND_ASSIGN(const Network network, Network::Of(cluster));
  ExpectPicksNearTheBest(network, {2, 3, 5, 8});
}

TEST(TunerTest, OnThreadsAndSockets) {
  for (const char* transport : {"thread", "tcp"})
    ExpectPicksNearTheBest(Network::Uniform(TypicalLink(transport), 17), {2, 5, 8, 16});
}

}  // namespace
}  // namespace strata::distributed
