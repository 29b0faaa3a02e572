#include "compiler/tune/strategy.h"

#include <algorithm>
#include <utility>

namespace strata::compiler::tune {

bool History::Add(Trial trial) {
  if (!seen_.insert(trial.config).second) return false;
  trials_.push_back(std::move(trial));
  return true;
}

std::vector<const Trial*> History::Ranked() const {
  std::vector<const Trial*> ranked;
  for (const Trial& trial : trials_) {
    if (trial.ok()) ranked.push_back(&trial);
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const Trial* a, const Trial* b) { return a->cost < b->cost; });
  return ranked;
}

void RegisterAllStrategies() {
  static const bool registered = [] {
    using Maker = std::unique_ptr<Strategy> (*)(const StrategyContext&);
    const std::pair<const char*, Maker> makers[] = {{"random", CreateRandomStrategy},
                                                    {"exhaustive", CreateExhaustiveStrategy},
                                                    {"evolutionary", CreateEvolutionaryStrategy},
                                                    {"model", CreateModelStrategy}};
    for (const auto& [name, maker] : makers)
      StrategyRegistry().Register(name, [maker](const StrategyContext& c) { return maker(c); });
    return true;
  }();
  (void)registered;
}

}  // namespace strata::compiler::tune
