// "random" and "exhaustive".
#include <algorithm>
#include <optional>
#include <utility>

#include "compiler/tune/enumerate.h"
#include "compiler/tune/strategy.h"

namespace strata::compiler::tune {
namespace {

std::vector<Config> Untried(const SearchSpace& space, const History& history,
                            const std::set<Config>& proposed) {
  std::vector<Config> untried;
  for (int64_t i = 0; i < space.size(); ++i) {
    Config config = space.At(i);
    if (space.IsValid(config) && !history.Has(config) && proposed.count(config) == 0)
      untried.push_back(std::move(config));
  }
  return untried;
}

class RandomStrategy : public Strategy {
 public:
  explicit RandomStrategy(const StrategyContext& context)
      : space_(*context.space), random_(context.seed) {}

  std::vector<Config> Propose(const History& history, int count) override {
    std::vector<Config> proposals;
    std::set<Config> proposed;
    AddFresh(space_, history, count, &random_, &proposed, &proposals);
    return proposals;
  }

 private:
  const SearchSpace& space_;
  Random random_;
};

class ExhaustiveStrategy : public Strategy {
 public:
  explicit ExhaustiveStrategy(const StrategyContext& context) : space_(*context.space) {}

  std::vector<Config> Propose(const History& history, int count) override {
    std::vector<Config> proposals;
    for (; next_ < space_.size() && static_cast<int>(proposals.size()) < count; ++next_) {
      Config config = space_.At(next_);
      if (space_.IsValid(config) && !history.Has(config)) proposals.push_back(std::move(config));
    }
    return proposals;
  }

 private:
  const SearchSpace& space_;
  int64_t next_ = 0;
};

}  // namespace

void AddFresh(const SearchSpace& space, const History& history, int count, Random* random,
              std::set<Config>* proposed, std::vector<Config>* proposals) {
  constexpr int kMisses = 64;  // in a row: most of the space has been tried, or is not valid
  int misses = 0;
  while (static_cast<int>(proposals->size()) < count && misses < kMisses) {
    std::optional<Config> config = space.Draw(random);
    if (!config.has_value()) break;
    if (history.Has(*config) || !proposed->insert(*config).second) {
      ++misses;
      continue;
    }
    misses = 0;
    proposals->push_back(*std::move(config));
  }
  if (static_cast<int>(proposals->size()) >= count || space.size() > kWalkedPoints) return;
  std::vector<Config> untried = Untried(space, history, *proposed);
  while (static_cast<int>(proposals->size()) < count && !untried.empty()) {
    const size_t i = static_cast<size_t>(random->Below(static_cast<int64_t>(untried.size())));
    std::swap(untried[i], untried.back());
    proposed->insert(untried.back());
    proposals->push_back(std::move(untried.back()));
    untried.pop_back();
  }
}

std::unique_ptr<Strategy> CreateRandomStrategy(const StrategyContext& context) {
  return std::make_unique<RandomStrategy>(context);
}

std::unique_ptr<Strategy> CreateExhaustiveStrategy(const StrategyContext& context) {
  return std::make_unique<ExhaustiveStrategy>(context);
}

}  // namespace strata::compiler::tune
