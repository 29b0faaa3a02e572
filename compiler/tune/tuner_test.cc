#include "compiler/tune/tuner.h"

#include <unistd.h>

#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/status_matchers.h"
#include "compiler/tune/landscape.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler::tune {
namespace {

using ::testing::HasSubstr;

const TuningKey kKey = {"bowl", "a cpu", "gcc 12"};

// Costs from a landscape; each measurement takes a second of a clock of its own.
class Bench : public Measure {
 public:
  explicit Bench(Landscape landscape) : landscape_(std::move(landscape)) {}

  std::vector<absl::StatusOr<double>> Run(absl::Span<const Config> configs,
                                          const MeasureContext& context) override {
    bests_.push_back(context.best);
    last_rounds_ += context.last_round;
    std::vector<absl::StatusOr<double>> costs;
    for (const Config& config : configs) {
      seconds_ += 1;
      ++runs_[config];
      costs.push_back(landscape_.cost(space().SettingOf(config)));
      if (context.last_round && config == fails_in_last_round_)
        costs.back() = absl::InternalError("wrong at the end");
      if (costs.back().ok() && noise_ != nullptr) *costs.back() *= noise_(config, runs_[config]);
    }
    return costs;
  }

  std::vector<absl::StatusOr<double>> RunWithEpilogue(absl::Span<const Config> configs) override {
    std::vector<absl::StatusOr<double>> costs;
    for (const Config& config : configs) {
      if (epilogue_ != nullptr) costs.push_back(epilogue_(config));
    }
    return costs;
  }

  double RunRival() override { return 1.5; }

  TuneOptions Options(const std::string& strategy = "random") {
    TuneOptions options;
    options.strategy = strategy;
    options.budget_seconds = 1e6;
    options.clock = [this] { return seconds_; };
    return options;
  }

  const SearchSpace& space() const { return landscape_.space; }
  int runs() const {
    int runs = 0;
    for (const auto& [config, count] : runs_) runs += count;
    return runs;
  }

  Landscape landscape_;
  double seconds_ = 100;
  std::map<Config, int> runs_;
  std::vector<double> bests_;
  int last_rounds_ = 0;
  Config fails_in_last_round_;
  std::function<double(const Config&, int run)> noise_;
  std::function<absl::StatusOr<double>(const Config&)> epilogue_;
};

// The best few by themselves, timed with what follows: another may win, and the log has both.
TEST(TuneTest, WhatFollowsHasABestOfItsOwn) {
  Bench bench(BowlLandscape());
  bench.epilogue_ = [&](const Config& config) {
    return 100 - *bench.landscape_.cost(bench.space().SettingOf(config));
  };
  TuningLog log = TuningLog::InMemory();
  TuneOptions options = bench.Options();
  options.max_trials = 20;
  STRATA_ASSERT_OK_AND_ASSIGN(const TuneResult result,
                              Tune(bench.space(), kKey, options, &bench, &log));
  ASSERT_EQ(result.finalists.size(), 3u);
  EXPECT_EQ(result.best.config, result.finalists[0].config);
  EXPECT_EQ(result.best_with_epilogue.config, result.finalists[2].config);
  EXPECT_EQ(result.best_with_epilogue.epilogue_cost, 100 - result.finalists[2].cost);
  EXPECT_EQ(log.Best(kKey)->config(), bench.space().Print(result.best.config));
  EXPECT_EQ(log.BestWithEpilogue(kKey)->config(),
            bench.space().Print(result.best_with_epilogue.config));
  EXPECT_EQ(result.measured, 20);

  const Config broken = result.best_with_epilogue.config;
  const auto costs = bench.epilogue_;
  bench.epilogue_ = [&](const Config& config) {
    return config == broken ? absl::InternalError("wrong with what follows") : costs(config);
  };
  TuningLog again = TuningLog::InMemory();
  STRATA_ASSERT_OK_AND_ASSIGN(const TuneResult without,
                              Tune(bench.space(), kKey, options, &bench, &again));
  EXPECT_NE(without.best_with_epilogue.config, broken);
  EXPECT_THAT(without.finalists.back().failure, HasSubstr("wrong with what follows"));
}

TEST(TuneTest, TheBaselineIsInTheLastRoundWhateverItsRank) {
  Bench bench(BowlLandscape());
  TuningLog log = TuningLog::InMemory();
  TuneOptions options = bench.Options("model");
  options.max_trials = 40;
  options.finalists = 2;
  // The most expensive point of some.
  for (int64_t i = 0; i < bench.space().size(); i += 7) {
    const Config config = bench.space().At(i);
    const auto cost = [&](const Config& c) {
      return *bench.landscape_.cost(bench.space().SettingOf(c));
    };
    if (bench.space().IsValid(config) &&
        bench.landscape_.cost(bench.space().SettingOf(config)).ok() &&
        (!options.baseline || cost(config) > cost(*options.baseline)))
      options.baseline = config;
  }
  options.first = {*options.baseline};
  STRATA_ASSERT_OK_AND_ASSIGN(const TuneResult result,
                              Tune(bench.space(), kKey, options, &bench, &log));
  EXPECT_EQ(result.finalists.size(), 3u);
  EXPECT_TRUE(result.baseline.ok());
  EXPECT_EQ(result.baseline.config, *options.baseline);
  EXPECT_GT(result.baseline.cost, result.best.cost);
  EXPECT_GT(result.ranked, 40);
  options.baseline.reset();
  TuningLog fresh = TuningLog::InMemory();
  STRATA_ASSERT_OK_AND_ASSIGN(const TuneResult without,
                              Tune(bench.space(), kKey, options, &bench, &fresh));
  EXPECT_FALSE(without.baseline.ok());
}

TEST(TuneTest, StopsAtTheLastTrialAndTimesTheBestInTurns) {
  Bench bench(BowlLandscape());
  TuningLog log = TuningLog::InMemory();
  TuneOptions options = bench.Options();
  options.max_trials = 20;
  options.finalists = 3;
  options.rounds = 5;
  STRATA_ASSERT_OK_AND_ASSIGN(const TuneResult result,
                              Tune(bench.space(), kKey, options, &bench, &log));
  EXPECT_EQ(result.stopped, "trials");
  EXPECT_EQ(result.trials.size(), 20u);
  EXPECT_EQ(result.finalists.size(), 3u);
  EXPECT_EQ(bench.runs(), 20 + 3 * 5);
  EXPECT_EQ(bench.last_rounds_, 5);
  EXPECT_EQ(log.records().size(), 23u);
  EXPECT_TRUE(log.records()[22].retimed());
  EXPECT_EQ(log.records()[22].rival_cost(), 1.5);
  EXPECT_EQ(log.records()[0].rival_cost(), 0);
  EXPECT_EQ(log.Best(kKey)->config(), bench.space().Print(result.best.config));
  for (const Trial& trial : result.trials) EXPECT_LE(result.best.cost, trial.cost);
}

TEST(TuneTest, ALuckyTimeDoesNotWin) {
  Bench bench(BowlLandscape());
  STRATA_ASSERT_OK_AND_ASSIGN(const Config lucky, bench.space().Parse("A=1 B=1 C=1 D=1"));
  STRATA_ASSERT_OK_AND_ASSIGN(const Config good, bench.space().Parse("A=4 B=8 C=16 D=64"));
  bench.noise_ = [&](const Config& config, int run) {
    return config == lucky && run == 1 ? 0.1 : 1;
  };
  TuningLog log = TuningLog::InMemory();
  TuneOptions options = bench.Options();
  options.first = {lucky, good};
  options.max_trials = 2;
  options.finalists = 2;
  STRATA_ASSERT_OK_AND_ASSIGN(const TuneResult result,
                              Tune(bench.space(), kKey, options, &bench, &log));
  EXPECT_EQ(result.best.config, good);
  EXPECT_EQ(log.Best(kKey)->config(), bench.space().Print(good));
}

TEST(TuneTest, WhatFailsInTheLastRoundIsOut) {
  Bench bench(BowlLandscape());
  bench.fails_in_last_round_ = *bench.space().Parse("A=4 B=8 C=16 D=32");
  const Config good = *bench.space().Parse("A=4 B=8 C=16 D=64");
  TuningLog log = TuningLog::InMemory();
  TuneOptions options = bench.Options();
  options.first = {bench.fails_in_last_round_, good};
  options.max_trials = 2;
  STRATA_ASSERT_OK_AND_ASSIGN(const TuneResult result,
                              Tune(bench.space(), kKey, options, &bench, &log));
  EXPECT_EQ(result.best.config, good);
  EXPECT_EQ(log.Best(kKey)->config(), bench.space().Print(good));
  options.first = {bench.fails_in_last_round_};
  options.max_trials = 1;
  TuningLog another = TuningLog::InMemory();
  EXPECT_THAT(Tune(bench.space(), kKey, options, &bench, &another),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("wrong at the end")));
}

TEST(TuneTest, TheBudgetHoldsWithItsLastRound) {
  for (const char* strategy : {"random", "evolutionary", "model"}) {
    Bench bench(BowlLandscape());
    TuningLog log = TuningLog::InMemory();
    TuneOptions options = bench.Options(strategy);
    options.budget_seconds = 60;
    options.max_trials = 1000;
    STRATA_ASSERT_OK_AND_ASSIGN(const TuneResult result,
                                Tune(bench.space(), kKey, options, &bench, &log));
    EXPECT_EQ(result.stopped, "time");
    EXPECT_LE(result.seconds, 60) << strategy;
    EXPECT_GE(result.trials.size(), 38u);
    EXPECT_EQ(result.finalists.size(), 3u);
  }
}

TEST(TuneTest, OneMeasurementIsMadeHoweverSmallTheBudget) {
  Bench bench(BowlLandscape());
  TuningLog log = TuningLog::InMemory();
  TuneOptions options = bench.Options();
  options.budget_seconds = 1e-3;
  STRATA_ASSERT_OK_AND_ASSIGN(const TuneResult result,
                              Tune(bench.space(), kKey, options, &bench, &log));
  EXPECT_LE(result.trials.size(), 2u);
  EXPECT_FALSE(result.best.config.empty());
}

TEST(TuneTest, ResumesFromTheLog) {
  const std::string path = JoinPath(::testing::TempDir(), absl::StrCat("resume.", getpid()));
  Config best;
  {
    Bench bench(RuggedLandscape(0x5a3));
    STRATA_ASSERT_OK_AND_ASSIGN(TuningLog log, TuningLog::Open(path));
    TuneOptions options = bench.Options();
    options.max_trials = 40;
    STRATA_ASSERT_OK_AND_ASSIGN(const TuneResult first,
                                Tune(bench.space(), kKey, options, &bench, &log));
    best = first.best.config;
  }
  Bench bench(RuggedLandscape(0x5a3));
  STRATA_ASSERT_OK_AND_ASSIGN(TuningLog log, TuningLog::Open(path));
  TuneOptions options = bench.Options("evolutionary");
  options.max_trials = 8;
  options.finalists = 0;
  options.first = {best};  // known: not measured again
  STRATA_ASSERT_OK_AND_ASSIGN(const TuneResult second,
                              Tune(bench.space(), kKey, options, &bench, &log));
  EXPECT_EQ(second.resumed, 40);
  EXPECT_EQ(second.trials.size(), 48u);
  EXPECT_EQ(bench.runs(), 8);
  for (const auto& [config, runs] : bench.runs_) EXPECT_EQ(runs, 1);
  // Another key begins anew.
  TuningKey other = kKey;
  other.cpu = "another cpu";
  STRATA_ASSERT_OK_AND_ASSIGN(const TuneResult third,
                              Tune(bench.space(), other, options, &bench, &log));
  EXPECT_EQ(third.resumed, 0);
}

TEST(TuneTest, RecordsOfAnotherSpaceArePassedOver) {
  Bench bench(BowlLandscape());
  TuningLog log = TuningLog::InMemory();
  TuningRecord record;
  record.set_task(kKey.task);
  record.set_cpu(kKey.cpu);
  record.set_libraries(kKey.libraries);
  record.set_config("TILE=7");
  record.set_cost(1e-9);
  ASSERT_OK(log.Append(record));
  STRATA_ASSERT_OK_AND_ASSIGN(const TuneResult result,
                              Tune(bench.space(), kKey, bench.Options(), &bench, &log));
  EXPECT_EQ(result.resumed, 0);
}

TEST(TuneTest, FailuresAreKeptWithTheirReason) {
  Bench bench(RuggedLandscape(0x5a3));
  TuningLog log = TuningLog::InMemory();
  TuneOptions options = bench.Options();
  options.max_trials = 200;
  STRATA_ASSERT_OK_AND_ASSIGN(const TuneResult result,
                              Tune(bench.space(), kKey, options, &bench, &log));
  int failed = 0;
  for (const Trial& trial : result.trials) {
    if (trial.ok()) continue;
    ++failed;
    EXPECT_THAT(trial.failure, HasSubstr("this kernel gives wrong results"));
  }
  EXPECT_GT(failed, 0);
  EXPECT_EQ(bench.bests_.front(), std::numeric_limits<double>::infinity());
}

TEST(TuneTest, WhereNothingCanBeMeasuredTheFirstFailureIsTold) {
  Landscape landscape = BowlLandscape();
  landscape.cost = [](const Setting&) -> absl::StatusOr<double> {
    return absl::UnavailableError("no compiler here");
  };
  Bench bench(std::move(landscape));
  TuningLog log = TuningLog::InMemory();
  EXPECT_THAT(Tune(bench.space(), kKey, bench.Options("model"), &bench, &log),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no compiler here")));
}

TEST(TuneTest, OptionsAreChecked) {
  const auto status = [](const std::function<void(TuneOptions*)>& change) {
    Bench bench(GemmLandscape({}));
    TuningLog log = TuningLog::InMemory();
    TuneOptions options = bench.Options();
    change(&options);
    return Tune(bench.space(), kKey, options, &bench, &log).status();
  };
  constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(status([](TuneOptions* o) { o->max_trials = 0; }),
              StatusIs(kInvalid, HasSubstr("max_trials: is 0")));
  EXPECT_THAT(status([](TuneOptions* o) { o->batch = 0; }),
              StatusIs(kInvalid, HasSubstr("batch: is 0")));
  EXPECT_THAT(status([](TuneOptions* o) { o->rounds = 0; }),
              StatusIs(kInvalid, HasSubstr("rounds: is 0")));
  EXPECT_THAT(status([](TuneOptions* o) { o->budget_seconds = 0; }),
              StatusIs(kInvalid, HasSubstr("budget_seconds")));
  EXPECT_THAT(
      status([](TuneOptions* o) {
        o->first = {Config{14, 0, 0, 0, 0, 0, 0}};
      }),
      StatusIs(kInvalid,
               HasSubstr("first: 'MR=24 NV=1 KC=32 NCP=1 MC=32 PREFETCH=0 ROWS_OUTSIDE=0' does "
                         "not hold the constraint a block of A holds a tile")));
  EXPECT_THAT(status([](TuneOptions* o) { o->strategy = "luck"; }),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("there is: evolutionary, exhaustive, model, random")));
}

}  // namespace
}  // namespace strata::compiler::tune
