#include "compiler/tune/tuner.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace strata::compiler::tune {
namespace {

constexpr double kLastRoundShare = 0.35;  // of the budget, at least
// What a finalist takes in the last round, of what a config takes in the search, beside its runs: it is built once more,
// with what follows.
constexpr double kFinalistTimes = 1.2;

double SteadySeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

absl::Status CheckOptions(const SearchSpace& space, const TuneOptions& options) {
  const auto at_least_one = [](const char* name, int value) {
    if (value >= 1) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(name, ": is ", value, "; must be 1 or more"));
  };
  STRATA_RETURN_IF_ERROR(at_least_one("max_trials", options.max_trials));
  STRATA_RETURN_IF_ERROR(at_least_one("batch", options.batch));
  STRATA_RETURN_IF_ERROR(at_least_one("rounds", options.rounds));
  if (!(options.budget_seconds > 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("budget_seconds: is ", options.budget_seconds, "; must be above 0"));
  }
  for (const Config& config : options.first) {
    const std::string why = space.WhyInvalid(config);
    if (why.empty()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("first: '", space.Print(config), "' does not hold the constraint ", why));
  }
  return absl::OkStatus();
}

double Median(std::vector<double> values) {
  auto middle = values.begin() + static_cast<long>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

class Run {
 public:
  Run(const SearchSpace& space, const TuningKey& key, const TuneOptions& options, Measure* measure,
      TuningLog* log)
      : space_(space),
        key_(key),
        options_(options),
        measure_(measure),
        log_(log),
        clock_(options.clock ? options.clock : SteadySeconds),
        start_(clock_()) {}

  absl::StatusOr<TuneResult> Go() {
    Resume();
    STRATA_ASSIGN_OR_RETURN(
        std::unique_ptr<Strategy> strategy,
        StrategyRegistry().Create(options_.strategy,
                                  {&space_, options_.seed, options_.extra_features}));
    STRATA_RETURN_IF_ERROR(MeasureBatch(First()));
    while (result_.stopped.empty()) {
      const int left = options_.max_trials - measured_;
      const std::vector<Config> batch =
          left > 0 ? strategy->Propose(history_, std::min(left, options_.batch))
                   : std::vector<Config>();
      if (batch.empty()) result_.stopped = left > 0 ? "space" : "trials";
      STRATA_RETURN_IF_ERROR(MeasureBatch(batch));
    }
    STRATA_RETURN_IF_ERROR(Decide());
    result_.trials = history_.trials();
    result_.seconds = Elapsed();
    result_.measured = measured_;
    result_.ranked = strategy->ranked();
    return std::move(result_);
  }

 private:
  double Elapsed() const { return clock_() - start_; }
  bool LastRound() const { return options_.finalists > 1; }
  // Until when the search may go on, going by what it has taken so far.
  double SearchSeconds() const {
    if (!LastRound()) return options_.budget_seconds;
    const double each = measured_ > 0 ? Elapsed() / measured_ : 0;
    const double best = BestCost(), runs = std::isfinite(best) ? measure_->TurnSeconds(best) : 0;
    const double last_round = (kFinalistTimes * each + runs) * (options_.finalists + 1);
    return options_.budget_seconds -
           std::max(kLastRoundShare * options_.budget_seconds, last_round);
  }

  // A config that was measured twice keeps its first record; one of another space is passed over.
  void Resume() {
    for (const TuningRecord* record : log_->Records(key_)) {
      absl::StatusOr<Config> config = space_.Parse(record->config());
      if (!config.ok() || !space_.IsValid(*config) || record->retimed()) continue;
      result_.resumed += history_.Add({*std::move(config), record->cost(), record->failure()});
    }
  }

  std::vector<Config> First() const {
    std::vector<Config> first;
    for (const Config& config : options_.first) {
      if (!history_.Has(config) && std::find(first.begin(), first.end(), config) == first.end())
        first.push_back(config);
    }
    return first;
  }

  double BestCost() const {
    const std::vector<const Trial*> ranked = history_.Ranked();
    return ranked.empty() ? std::numeric_limits<double>::infinity() : ranked[0]->cost;
  }

  // In pieces, so that the time is looked at between them.
  absl::Status MeasureBatch(const std::vector<Config>& batch) {
    for (size_t begin = 0; begin < batch.size() && result_.stopped.empty();) {
      if (Elapsed() >= SearchSeconds() && measured_ > 0) {
        result_.stopped = "time";
        break;
      }
      const size_t count = std::min(batch.size() - begin, Piece());
      const absl::Span<const Config> configs = absl::MakeConstSpan(batch).subspan(begin, count);
      const std::vector<absl::StatusOr<double>> costs =
          measure_->Run(configs, {BestCost(), /*last_round=*/false});
      for (size_t i = 0; i < count; ++i) STRATA_RETURN_IF_ERROR(Keep(configs[i], costs[i]));
      begin += count;
    }
    if (options_.progress != nullptr && !batch.empty()) {
      const std::vector<const Trial*> ranked = history_.Ranked();
      options_.progress({measured_, Elapsed(), ranked.empty() ? nullptr : ranked[0]});
    }
    return absl::OkStatus();
  }

  // As many as fit the time left, going by those measured so far.
  size_t Piece() const {
    if (measured_ == 0) return 2;
    const double each = Elapsed() / measured_;
    const double fit = each > 0 ? (SearchSeconds() - Elapsed()) / each : options_.batch;
    return static_cast<size_t>(std::clamp(fit, 1.0, static_cast<double>(options_.batch)));
  }

  absl::Status Keep(const Config& config, const absl::StatusOr<double>& cost) {
    ++measured_;
    Trial trial{config, cost.ok() ? *cost : 0, cost.ok() ? "" : cost.status().ToString()};
    if (cost.ok() && !(*cost > 0 && *cost < std::numeric_limits<double>::infinity()))
      trial.failure = absl::StrCat("the cost is ", *cost);
    STRATA_RETURN_IF_ERROR(log_->Append(RecordOf(trial, /*retimed=*/false)));
    history_.Add(std::move(trial));
    return absl::OkStatus();
  }

  TuningRecord RecordOf(const Trial& trial, bool retimed) const {
    TuningRecord record;
    record.set_version(1);
    record.set_task(key_.task);
    record.set_cpu(key_.cpu);
    record.set_libraries(key_.libraries);
    record.set_config(space_.Print(trial.config));
    if (trial.ok()) record.set_cost(trial.cost);
    record.set_failure(trial.failure);
    record.set_strategy(options_.strategy);
    record.set_retimed(retimed);
    if (retimed) record.set_rival_cost(result_.rival);
    if (retimed && trial.ok()) record.set_epilogue_cost(trial.epilogue_cost);
    return record;
  }

  absl::Status Decide() {
    const std::vector<const Trial*> ranked = history_.Ranked();
    if (ranked.empty()) {
      return absl::FailedPreconditionError(
          history_.trials().empty() ? std::string("the space has no valid config")
                                    : absl::StrCat("no config could be measured; '",
                                                   space_.Print(history_.trials()[0].config),
                                                   "': ", history_.trials()[0].failure));
    }
    result_.best = result_.best_with_epilogue = *ranked[0];
    if (!LastRound()) return absl::OkStatus();
    TimeInTurns(Finalists(ranked));
    for (const Trial& finalist : result_.finalists)
      STRATA_RETURN_IF_ERROR(log_->Append(RecordOf(finalist, /*retimed=*/true)));
    result_.best = result_.finalists[0];
    result_.best_with_epilogue = *std::min_element(
        result_.finalists.begin(), result_.finalists.end(), [](const Trial& a, const Trial& b) {
          return a.ok() != b.ok() ? a.ok() : a.epilogue_cost < b.epilogue_cost;
        });
    for (const Trial& finalist : result_.finalists) {
      if (finalist.config == options_.baseline) result_.baseline = finalist;
    }
    if (result_.best.ok()) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("the best configs all fail when timed in full; '",
                     space_.Print(result_.best.config), "': ", result_.best.failure));
  }

  // The best, and the baseline.
  std::vector<Config> Finalists(const std::vector<const Trial*>& ranked) const {
    std::vector<Config> configs;
    for (size_t i = 0; i < ranked.size(); ++i) {
      if (i < static_cast<size_t>(options_.finalists) || ranked[i]->config == options_.baseline)
        configs.push_back(ranked[i]->config);
    }
    return configs;
  }

  // What one config took in the turns of the last round.
  struct Turns {
    std::vector<double> costs, epilogue_costs;
    std::string failure;
    void Add(const absl::StatusOr<double>& cost, std::vector<double>* costs_of_kind) {
      if (cost.ok()) costs_of_kind->push_back(*cost);
      if (!cost.ok()) failure = cost.status().ToString();
    }
  };

  // At least one round; the next only while there is time. What fails once is out.
  void TimeInTurns(const std::vector<Config>& configs) {
    std::vector<Turns> turns(configs.size());
    std::vector<double> rival;
    for (int round = 0; round < options_.rounds; ++round) {
      const double begin = Elapsed();
      const auto timed = measure_->Run(configs, {BestCost(), /*last_round=*/true});
      for (size_t i = 0; i < configs.size(); ++i) turns[i].Add(timed[i], &turns[i].costs);
      const auto followed = measure_->RunWithEpilogue(configs);
      for (size_t i = 0; i < followed.size(); ++i)
        turns[i].Add(followed[i], &turns[i].epilogue_costs);
      rival.push_back(measure_->RunRival());
      if (2 * Elapsed() - begin > options_.budget_seconds) break;
    }
    result_.rival = Median(rival);
    for (size_t i = 0; i < configs.size(); ++i) {
      const Turns& t = turns[i];
      const bool ok = t.failure.empty();
      result_.finalists.push_back({configs[i], ok ? Median(t.costs) : 0, t.failure,
                                   ok && !t.epilogue_costs.empty() ? Median(t.epilogue_costs) : 0});
    }
    std::stable_sort(
        result_.finalists.begin(), result_.finalists.end(),
        [](const Trial& a, const Trial& b) { return a.ok() != b.ok() ? a.ok() : a.cost < b.cost; });
  }

  const SearchSpace& space_;
  const TuningKey& key_;
  const TuneOptions& options_;
  Measure* measure_;
  TuningLog* log_;
  std::function<double()> clock_;
  const double start_;
  History history_;
  TuneResult result_;
  int measured_ = 0;
};

}  // namespace

absl::StatusOr<TuneResult> Tune(const SearchSpace& space, const TuningKey& key,
                                const TuneOptions& options, Measure* measure, TuningLog* log) {
  STRATA_RETURN_IF_ERROR(CheckOptions(space, options));
  RegisterAllStrategies();
  return Run(space, key, options, measure, log).Go();
}

}  // namespace strata::compiler::tune
