#include "compiler/schedule/guards.h"

#include <algorithm>
#include <numeric>

namespace strata::compiler::schedule {

Cases CasesOf(const Affine& condition, const std::map<std::string, int64_t>& constants,
              const Extents& loops, const Extents& all) {
  Cases cases;
  Affine moving;
  cases.fixed = condition.constant();
  int64_t step = 0;
  for (const auto& [name, coefficient] : condition.terms()) {
    if (const auto it = constants.find(name); it != constants.end()) {
      cases.fixed += coefficient * it->second;
    } else if (loops.count(name) > 0) {
      cases.fixed += Affine::Index(name, coefficient);
      step = std::gcd(step, coefficient);
    } else {
      moving += Affine::Index(name, coefficient);
    }
  }
  cases.moving = moving.Range(all);
  const Interval fixed = cases.fixed.Range(loops);
  cases.can_hold = fixed.high + cases.moving.low >= 0;
  cases.can_fail = fixed.low + cases.moving.high < 0;
  // Values of the fixed part for which the moving part decides, and which the steps of the loops can reach.
  int64_t low = std::max(-cases.moving.high, fixed.low);
  const int64_t high = std::min(-cases.moving.low - 1, fixed.high);
  if (step != 0) low += ((cases.fixed.constant() - low) % step + step) % step;
  cases.can_part = low <= high;
  if (step == 0 || low + step > high) {
    cases.part = {Fact::Kind::kEquals, low, moving};
  } else {
    cases.part = {Fact::Kind::kDynamic, 0, moving};
  }
  return cases;
}

const Fact* Facts::Find(const Affine& condition) const {
  for (const auto& [known, fact] : known_) {
    if (known == condition) return &fact;
  }
  return nullptr;
}

void Facts::Add(const Affine& condition, const Fact& fact) {
  known_.push_back({condition, fact});
  Fact opposite = fact;
  if (fact.kind == Fact::Kind::kTrue) {
    opposite.kind = Fact::Kind::kFalse;
  } else if (fact.kind == Fact::Kind::kFalse) {
    opposite.kind = Fact::Kind::kTrue;
  } else if (fact.kind == Fact::Kind::kEquals) {
    opposite.fixed = -fact.fixed - 1;
    opposite.moving = fact.moving * -1;
  }
  known_.push_back({condition * -1 - 1, opposite});
}

}  // namespace strata::compiler::schedule
