// Strategy: which configs to measure next. Asked for a batch, given the trials so far, again and again.
//
//   StrategyRegistry().Create("model", StrategyContext{&space, /*seed=*/1});
//
// "random": without repetition. "evolutionary": mutation and crossover of the best. "model": a learned cost model ranks
// many candidates, the few that look best are measured. "exhaustive": every valid point in order: the oracle.
// Deterministic: the same context and the same history give the same proposals.
#ifndef STRATA_COMPILER_TUNE_STRATEGY_H_
#define STRATA_COMPILER_TUNE_STRATEGY_H_

#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "base/registry.h"
#include "compiler/tune/features.h"
#include "compiler/tune/measure.h"
#include "compiler/tune/search_space.h"

namespace strata::compiler::tune {

// Trials in the order they were made, each config once.
class History {
 public:
  // false, and nothing is added, when the config is there already.
  bool Add(Trial trial);
  bool Has(const Config& config) const { return seen_.count(config) != 0; }
  const std::vector<Trial>& trials() const { return trials_; }
  // Trials that did not fail, the cheapest first (ties in order of time).
  std::vector<const Trial*> Ranked() const;

 private:
  std::vector<Trial> trials_;
  std::set<Config> seen_;
};

class Strategy {
 public:
  virtual ~Strategy() = default;
  // Up to `count` valid configs that are not in the history and differ; fewer only when no more were found.
  virtual std::vector<Config> Propose(const History& history, int count) = 0;
  // Candidates that a model of costs has ranked so far; 0: there is no model.
  virtual int64_t ranked() const { return 0; }
};

struct StrategyContext {
  const SearchSpace* space = nullptr;  // must outlive the strategy
  uint64_t seed = 1;
  Features::Extra extra_features = nullptr;  // for the "model"
};

inline Registry<Strategy, const StrategyContext&>& StrategyRegistry() {
  static auto* registry = new Registry<Strategy, const StrategyContext&>("search strategy");
  return *registry;
}

// Registers the four. Idempotent.
void RegisterAllStrategies();

std::unique_ptr<Strategy> CreateRandomStrategy(const StrategyContext& context);
std::unique_ptr<Strategy> CreateExhaustiveStrategy(const StrategyContext& context);
std::unique_ptr<Strategy> CreateEvolutionaryStrategy(const StrategyContext& context);
std::unique_ptr<Strategy> CreateModelStrategy(const StrategyContext& context);

}  // namespace strata::compiler::tune

#endif  // STRATA_COMPILER_TUNE_STRATEGY_H_
