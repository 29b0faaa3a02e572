// "evolutionary": the best sixteen are the population; children take the place of what they beat.
#include <algorithm>
#include <utility>

#include "compiler/tune/enumerate.h"
#include "compiler/tune/evolution.h"
#include "compiler/tune/strategy.h"

namespace strata::compiler::tune {
namespace {

constexpr size_t kPopulation = 16;
constexpr int kImmigrants = 8;  // one proposal in so many is drawn, so that no valley is the last

class EvolutionaryStrategy : public Strategy {
 public:
  explicit EvolutionaryStrategy(const StrategyContext& context)
      : space_(*context.space), random_(context.seed) {}

  std::vector<Config> Propose(const History& history, int count) override {
    std::vector<Config> proposals;
    std::set<Config> proposed;
    std::vector<Config> population;
    for (const Trial* trial : history.Ranked()) {
      if (population.size() < kPopulation) population.push_back(trial->config);
    }
    // Enough ancestors first.
    const bool grown = history.trials().size() >= kPopulation && !population.empty();
    for (int tries = 0; grown && tries < 20 * count; ++tries) {
      if (static_cast<int>(proposals.size()) >= count - count / kImmigrants) break;
      std::optional<Config> child = MakeChild(space_, population, &random_);
      if (!child.has_value() || history.Has(*child) || !proposed.insert(*child).second) continue;
      proposals.push_back(*std::move(child));
    }
    AddFresh(space_, history, count, &random_, &proposed, &proposals);
    return proposals;
  }

 private:
  const SearchSpace& space_;
  Random random_;
};

}  // namespace

std::optional<Config> MakeChild(const SearchSpace& space, absl::Span<const Config> ranked,
                                Random* random) {
  const auto parent = [&]() -> const Config& {
    const int64_t n = static_cast<int64_t>(ranked.size());
    return ranked[static_cast<size_t>(std::min(random->Below(n), random->Below(n)))];
  };
  Config child = parent();
  if (random->Uniform() < 0.5) {
    std::optional<Config> crossed = space.Cross(child, parent(), random);
    if (crossed.has_value()) child = *std::move(crossed);
  }
  return space.Mutate(child, random);
}

std::unique_ptr<Strategy> CreateEvolutionaryStrategy(const StrategyContext& context) {
  return std::make_unique<EvolutionaryStrategy>(context);
}

}  // namespace strata::compiler::tune
