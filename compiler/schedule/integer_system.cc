#include "compiler/schedule/integer_system.h"

#include <algorithm>
#include <numeric>

namespace strata::compiler::schedule {
namespace {

size_t At(int i) { return static_cast<size_t>(i); }

int64_t FloorDivide(int64_t a, int64_t b) {  // b > 0
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}

}  // namespace

int IntegerSystem::AddVariable(int64_t low, int64_t high) {
  box_.low.push_back(low);
  box_.high.push_back(high);
  return static_cast<int>(box_.low.size()) - 1;
}

void IntegerSystem::AddEquation(Terms terms, int64_t constant) {
  constraints_.push_back({std::move(terms), constant, true});
}

void IntegerSystem::AddInequality(Terms terms, int64_t constant) {
  constraints_.push_back({std::move(terms), constant, false});
}

// False where the constraint cannot hold in the box.
bool IntegerSystem::TightenBy(const Constraint& constraint, Box* box, bool* changed) {
  int64_t low = constraint.constant, high = constraint.constant;
  for (const auto& [v, c] : constraint.terms) {
    low += c > 0 ? c * box->low[At(v)] : c * box->high[At(v)];
    high += c > 0 ? c * box->high[At(v)] : c * box->low[At(v)];
  }
  if (high < 0 || (constraint.equation && low > 0)) return false;
  for (const auto& [v, c] : constraint.terms) {
    int64_t& least = box->low[At(v)];
    int64_t& most = box->high[At(v)];
    const int64_t size = c > 0 ? c : -c;
    // The others come to at most `above`: c v >= -above.
    const int64_t above = high - (c > 0 ? c * most : c * least);
    const int64_t below = low - (c > 0 ? c * least : c * most);
    int64_t new_low = least, new_high = most;
    if (c > 0) {
      new_low = std::max(least, -FloorDivide(above, size));
      if (constraint.equation) new_high = std::min(most, FloorDivide(-below, size));
    } else {
      new_high = std::min(most, FloorDivide(above, size));
      if (constraint.equation) new_low = std::max(least, -FloorDivide(-below, size));
    }
    if (new_low > new_high) return false;
    if (new_low == least && new_high == most) continue;
    *changed = true;
    // Keeps the sums current.
    low += c > 0 ? c * (new_low - least) : c * (new_high - most);
    high += c > 0 ? c * (new_high - most) : c * (new_low - least);
    least = new_low;
    most = new_high;
  }
  return true;
}

bool IntegerSystem::PassesGcd(const Constraint& constraint, const Box& box) {
  if (!constraint.equation) return true;
  int64_t gcd = 0, rest = constraint.constant;
  for (const auto& [v, c] : constraint.terms) {
    if (box.low[At(v)] == box.high[At(v)]) {
      rest += c * box.low[At(v)];
    } else {
      gcd = std::gcd(gcd, c);
    }
  }
  return gcd == 0 ? rest == 0 : rest % gcd == 0;
}

bool IntegerSystem::Tighten(Box* box) const {
  for (bool changed = true; changed;) {
    changed = false;
    for (const Constraint& constraint : constraints_) {
      if (!TightenBy(constraint, box, &changed)) return false;
    }
  }
  return std::all_of(constraints_.begin(), constraints_.end(),
                     [&](const Constraint& constraint) { return PassesGcd(constraint, *box); });
}

IntegerSystem::Answer IntegerSystem::Search(Box box, int* nodes,
                                            std::vector<int64_t>* values) const {
  if (++*nodes > kMaxNodes) return Answer::kUnknown;
  if (!Tighten(&box)) return Answer::kNone;
  size_t v = 0;
  while (v < box.low.size() && box.low[v] == box.high[v]) ++v;
  if (v == box.low.size()) {
    *values = box.low;
    return Answer::kFound;
  }
  const int64_t low = box.low[v], high = box.high[v];
  const int64_t pivot = std::clamp<int64_t>(0, low, high);
  for (const auto& [from, to] : {std::pair{pivot, pivot}, {pivot + 1, high}, {low, pivot - 1}}) {
    if (from > to) continue;
    Box part = box;
    part.low[v] = from;
    part.high[v] = to;
    const Answer answer = Search(std::move(part), nodes, values);
    if (answer != Answer::kNone) return answer;
  }
  return Answer::kNone;
}

IntegerSystem::Solution IntegerSystem::Solve() const {
  Solution solution;
  for (size_t v = 0; v < box_.low.size(); ++v) {
    if (box_.low[v] > box_.high[v]) return solution;
  }
  int nodes = 0;
  solution.answer = Search(box_, &nodes, &solution.values);
  return solution;
}

}  // namespace strata::compiler::schedule
