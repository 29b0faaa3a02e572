#include "compiler/tune/strategy.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "compiler/tune/landscape.h"
#include "compiler/tune/tuner.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler::tune {
namespace {

constexpr const char* kStrategies[] = {"random", "evolutionary", "model", "exhaustive"};

TuneResult Search(const Landscape& landscape, const std::string& strategy, int trials,
                  uint64_t seed) {
  TuneOptions options;
  options.strategy = strategy;
  options.max_trials = trials;
  options.seed = seed;
  options.finalists = 0;
  options.clock = [] { return 0.0; };
  FunctionMeasure measure(&landscape.space, landscape.cost);
  TuningLog log = TuningLog::InMemory();
  auto result = Tune(landscape.space, {"t", "", ""}, options, &measure, &log);
  EXPECT_OK(result.status());
  return result.ok() ? *std::move(result) : TuneResult{};
}

// Median over seeds of the best cost over the optimum's.
double MedianRegret(const Landscape& landscape, const std::string& strategy, int trials) {
  const double optimum = FindOptimum(landscape).cost;
  std::vector<double> regrets;
  for (uint64_t seed = 1; seed <= 7; ++seed)
    regrets.push_back(Search(landscape, strategy, trials, seed).best.cost / optimum);
  std::sort(regrets.begin(), regrets.end());
  return regrets[regrets.size() / 2];
}

// What each strategy must reach, of the optimum that exhaustive search finds: in 4 096, 15 625 and 178 200 points.
TEST(StrategyTest, FindsGoodConfigsInFewTrials) {
  const Landscape bowl = BowlLandscape(), rugged = RuggedLandscape(0x5a3);
  const Landscape gemm = GemmLandscape({.m = 512, .n = 512, .k = 512});
  EXPECT_LE(MedianRegret(bowl, "random", 96), 1.35);
  EXPECT_LE(MedianRegret(bowl, "evolutionary", 96), 1.15);
  EXPECT_LE(MedianRegret(bowl, "model", 64), 1.15);
  EXPECT_LE(MedianRegret(rugged, "random", 96), 1.8);
  EXPECT_LE(MedianRegret(rugged, "evolutionary", 96), 1.3);
  EXPECT_LE(MedianRegret(rugged, "model", 64), 1.1);
  EXPECT_LE(MedianRegret(gemm, "random", 96), 1.06);
  EXPECT_LE(MedianRegret(gemm, "evolutionary", 96), 1.04);
  EXPECT_LE(MedianRegret(gemm, "model", 64), 1.045);
}

TEST(StrategyTest, TheModelNeedsFewerTrialsThanChance) {
  for (const Landscape& landscape :
       {RuggedLandscape(0x1b7), GemmLandscape({.m = 256, .n = 3072, .k = 768, .threads = 2})}) {
    EXPECT_LT(MedianRegret(landscape, "model", 64), MedianRegret(landscape, "random", 128))
        << landscape.name;
  }
}

TEST(StrategyTest, ExhaustiveSearchFindsTheOptimum) {
  const Landscape landscape = BowlLandscape();
  const TuneResult all = Search(landscape, "exhaustive", 1 << 20, 1);
  EXPECT_EQ(all.best.config, FindOptimum(landscape).config);
  EXPECT_EQ(all.trials.size(), 4096u);
  EXPECT_EQ(all.stopped, "space");
}

TEST(StrategyTest, ProposalsAreValidFreshAndDistinct) {
  RegisterAllStrategies();
  const Landscape landscape = GemmLandscape({});
  for (const char* name : kStrategies) {
    SCOPED_TRACE(name);
    STRATA_ASSERT_OK_AND_ASSIGN(auto strategy,
                                StrategyRegistry().Create(name, {&landscape.space, 4}));
    History history;
    for (int round = 0; round < 6; ++round) {
      const std::vector<Config> proposals = strategy->Propose(history, 7);
      EXPECT_EQ(proposals.size(), 7u);
      for (const Config& config : proposals) {
        EXPECT_TRUE(landscape.space.IsValid(config));
        const auto cost = landscape.cost(landscape.space.SettingOf(config));
        // Fresh and distinct: or Add refuses.
        EXPECT_TRUE(history.Add({config, cost.ok() ? *cost : 0, cost.ok() ? "" : "failed"}));
      }
    }
  }
}

TEST(StrategyTest, TheSameSeedGivesTheSameTrials) {
  const Landscape landscape = RuggedLandscape(0x777);
  for (const char* name : kStrategies) {
    SCOPED_TRACE(name);
    const auto configs = [&](uint64_t seed) {
      std::vector<Config> configs;
      for (const Trial& trial : Search(landscape, name, 40, seed).trials)
        configs.push_back(trial.config);
      return configs;
    };
    const std::vector<Config> once = configs(11);
    EXPECT_EQ(once, configs(11));
    if (std::string(name) != "exhaustive") {
      EXPECT_NE(once, configs(12));
    }
  }
}

TEST(StrategyTest, EverySmallSpaceIsTriedToItsEnd) {
  RegisterAllStrategies();
  STRATA_ASSERT_OK_AND_ASSIGN(
      const SearchSpace space,
      SearchSpace::Create({{"A", {1, 2, 3, 4, 5}}, {"B", {1, 2, 3, 4, 5, 6}}},
                          {{"even", [](const Setting& s) { return (s["A"] + s["B"]) % 2 == 0; }}}));
  for (const char* name : kStrategies) {
    SCOPED_TRACE(name);
    STRATA_ASSERT_OK_AND_ASSIGN(auto strategy, StrategyRegistry().Create(name, {&space, 1}));
    History history;
    for (std::vector<Config> next = strategy->Propose(history, 4); !next.empty();
         next = strategy->Propose(history, 4)) {
      for (const Config& config : next) ASSERT_TRUE(history.Add({config, 1.0, ""}));
    }
    EXPECT_EQ(history.trials().size(), 15u);
  }
}

TEST(StrategyTest, WhereEverythingFailsTheSearchGoesOn) {
  RegisterAllStrategies();
  const Landscape landscape = BowlLandscape();
  for (const char* name : kStrategies) {
    STRATA_ASSERT_OK_AND_ASSIGN(auto strategy,
                                StrategyRegistry().Create(name, {&landscape.space, 1}));
    History history;
    for (int round = 0; round < 10; ++round) {
      for (const Config& config : strategy->Propose(history, 8)) history.Add({config, 0, "no"});
    }
    EXPECT_EQ(history.trials().size(), 80u) << name;
  }
}

}  // namespace
}  // namespace strata::compiler::tune
