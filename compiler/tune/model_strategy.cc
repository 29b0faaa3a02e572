// "model": after a few random trials a cost model is fitted to all trials; it ranks many candidates, drawn and evolved
// under its own judgement, and the best are measured, beside a few drawn ones that keep the model honest.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "compiler/tune/cost_model.h"
#include "compiler/tune/enumerate.h"
#include "compiler/tune/evolution.h"
#include "compiler/tune/strategy.h"

namespace strata::compiler::tune {
namespace {

constexpr size_t kFirstTrials = 16;   // before there is a model
constexpr int64_t kSmallSpace = 512;  // of which every point is a candidate
constexpr int kDrawn = 192;           // candidates of the first generation
constexpr int kGenerations = 6;
constexpr int kChildren = 96;  // a generation
constexpr size_t kParents = 32;
constexpr int kHonest = 16;  // one proposal in so many is drawn

class ModelStrategy : public Strategy {
 public:
  explicit ModelStrategy(const StrategyContext& context)
      : space_(*context.space),
        features_(context.space, context.extra_features),
        random_(context.seed) {}

  std::vector<Config> Propose(const History& history, int count) override {
    std::vector<Config> proposals;
    std::set<Config> proposed;
    if (history.trials().size() >= kFirstTrials) {
      Fit(history);
      const int ranked = count - count / kHonest;
      for (Config& candidate : Candidates(history)) {
        if (static_cast<int>(proposals.size()) >= ranked) break;
        if (!history.Has(candidate) && proposed.insert(candidate).second)
          proposals.push_back(std::move(candidate));
      }
    }
    AddFresh(space_, history, count, &random_, &proposed, &proposals);
    return proposals;
  }

  int64_t ranked() const override { return ranked_; }

 private:
  void Fit(const History& history) {
    std::vector<std::vector<double>> rows;
    std::vector<double> costs;
    for (const Trial& trial : history.trials()) {
      rows.push_back(features_.Of(trial.config));
      costs.push_back(trial.ok() ? trial.cost : std::numeric_limits<double>::infinity());
    }
    model_.Fit(rows, costs);
  }

  // A config with its expected rank; equals are in an order that prefers no corner of the space.
  struct Candidate {
    double score;
    uint64_t lot;
    Config config;
    bool operator<(const Candidate& other) const {
      return std::tie(score, lot) < std::tie(other.score, other.lot);
    }
  };
  struct Pool {
    std::vector<Candidate> candidates;
    std::set<Config> known;
  };

  void Add(std::optional<Config> config, Pool* pool) {
    if (!config.has_value() || !pool->known.insert(*config).second) return;
    ++ranked_;
    const double score = model_.Score(features_.Of(*config));
    pool->candidates.push_back({score, random_.Next(), *std::move(config)});
  }

  void AddChildren(Pool* pool) {
    std::sort(pool->candidates.begin(), pool->candidates.end());
    if (pool->candidates.empty()) return;
    std::vector<Config> parents;
    for (size_t i = 0; i < std::min(pool->candidates.size(), kParents); ++i)
      parents.push_back(pool->candidates[i].config);
    for (int child = 0; child < kChildren; ++child) Add(MakeChild(space_, parents, &random_), pool);
  }

  // Points that look cheapest, the best first: all there are in a small space.
  std::vector<Config> Candidates(const History& history) {
    Pool pool;
    if (space_.size() <= kSmallSpace) {
      for (int64_t i = 0; i < space_.size(); ++i) {
        if (Config config = space_.At(i); space_.IsValid(config)) Add(std::move(config), &pool);
      }
    } else {
      const std::vector<const Trial*> best = history.Ranked();
      for (size_t i = 0; i < std::min(best.size(), kParents); ++i) Add(best[i]->config, &pool);
      for (int i = 0; i < kDrawn; ++i) Add(space_.Draw(&random_), &pool);
      for (int generation = 0; generation < kGenerations; ++generation) AddChildren(&pool);
    }
    std::sort(pool.candidates.begin(), pool.candidates.end());
    std::vector<Config> configs;
    for (Candidate& candidate : pool.candidates) configs.push_back(std::move(candidate.config));
    return configs;
  }

  const SearchSpace& space_;
  const Features features_;
  Random random_;
  CostModel model_;
  int64_t ranked_ = 0;
};

}  // namespace

std::unique_ptr<Strategy> CreateModelStrategy(const StrategyContext& context) {
  return std::make_unique<ModelStrategy>(context);
}

}  // namespace strata::compiler::tune
