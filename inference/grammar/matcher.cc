#include "inference/grammar/matcher.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/container/flat_hash_set.h"

namespace strata::inference::grammar {
namespace {

using Op = Instruction::Op;

void SortUnique(std::vector<Matcher::Item>* items) {
  std::sort(items->begin(), items->end());
  items->erase(std::unique(items->begin(), items->end()), items->end());
}

}  // namespace

// All places that ways can reach without reading a byte. Rules that are called on the way have callers without a number
// yet, ~0, ~1, ...: more may be found, and the rule may have returned to some already.
class Matcher::Closure {
 public:
  explicit Closure(Matcher* matcher) : m_(*matcher) {}

  void Reach(const Item& item) {
    if (seen_.insert(item).second) open_.push_back(item);
  }

  absl::StatusOr<State> Finish() {
    while (!open_.empty()) {
      const Item item = open_.back();
      open_.pop_back();
      if (++m_.work_, ++work_ > kMostWork || places_.items.size() > kMostItems) {
        return absl::InvalidArgumentError(
            "the grammar is too ambiguous: too many ways to read the text so far");
      }
      Go(item);
    }
    for (Item& item : places_.items) item.callers = Numbered(item.callers);
    SortUnique(&places_.items);
    return m_.AddState(std::move(places_));
  }

 private:
  struct Call {
    std::vector<Item> callers;
    bool returns = false;  // without reading a byte
    Callers number = -1;
  };

  void Go(const Item& item) {
    const Instruction& i = m_.program_.code[Index(item.at)];
    switch (i.op) {
      case Op::kAccept:
        places_.may_end = true;
        return;
      case Op::kBottom:
        places_.at_bottom = true;
        return;
      case Op::kByte:
        places_.items.push_back(item);
        return;
      case Op::kSplit:
        Reach({i.next, item.counts, item.callers});
        return Reach({i.other, item.counts, item.callers});
      case Op::kReturn:
        return Return(item.callers);
      case Op::kCall:
        return Enter(i.other, {i.next, item.counts, item.callers});
      case Op::kBegin:
        return Reach({i.next, m_.AddCount({i.least, i.most, item.counts}), item.callers});
      case Op::kLoop:
        return Loop(i, item);
    }
  }

  void Return(Callers callers) {
    if (callers >= 0) {
      for (const Item& caller : m_.callers_[Index(callers)]) Reach(caller);
      return;
    }
    Call& call = calls_[Index(~callers)];
    if (call.returns) return;
    call.returns = true;
    for (const Item& caller : call.callers) Reach(caller);
  }

  void Enter(int32_t rule, const Item& caller) {
    const auto [entry, fresh] = by_rule_.try_emplace(rule, static_cast<int32_t>(calls_.size()));
    if (fresh) calls_.emplace_back();
    Call& call = calls_[Index(entry->second)];
    call.callers.push_back(caller);  // each call is seen once
    if (fresh) Reach({rule, 0, ~entry->second});
    if (call.returns) Reach(caller);
  }

  void Loop(const Instruction& loop, const Item& item) {
    const Count count = m_.counts_[Index(item.counts)];
    if (count.least == 0) Reach({loop.other, count.outer, item.callers});
    if (count.most == 0) return;
    const auto less = [](int32_t n) { return n == kNoLimit || n == 0 ? n : n - 1; };
    const Counts next = m_.AddCount({less(count.least), less(count.most), count.outer});
    Reach({loop.next, next, item.callers});
  }

  // No rule comes back to itself before it reads, so this ends.
  Callers Numbered(Callers callers) {
    if (callers >= 0) return callers;
    Call& call = calls_[Index(~callers)];
    if (call.number >= 0) return call.number;
    std::vector<Item> items;
    for (Item caller : call.callers) {
      caller.callers = Numbered(caller.callers);
      if (caller.at != Program::kReturn) {
        items.push_back(caller);
        continue;
      }
      // Who does nothing but return is left out.
      const std::vector<Item>& beyond = m_.callers_[Index(caller.callers)];
      items.insert(items.end(), beyond.begin(), beyond.end());
    }
    SortUnique(&items);
    return call.number = m_.AddCallers(std::move(items));
  }

  Matcher& m_;
  absl::flat_hash_set<Item> seen_;
  std::vector<Item> open_;
  std::vector<Call> calls_;
  std::map<int32_t, int32_t> by_rule_;  // where a rule begins -> its call
  Places places_;
  int64_t work_ = 0;
};

Matcher::Matcher(const Program* program, int32_t horizon)
    : program_(*program), classes_(static_cast<size_t>(program->classes)), horizon_(horizon) {
  AddState({});
  AddCount({});
  AddCallers({{Program::kAccept, 0, kNobody}});
  AddCallers({{Program::kBottom, 0, kNobody}});
}

absl::StatusOr<Matcher::State> Matcher::start() {
  if (start_ != kNotKnown) return start_;
  Closure closure(this);
  closure.Reach({program_.root, 0, kNobody});
  STRATA_ASSIGN_OR_RETURN(start_, closure.Finish());
  return start_;
}

absl::StatusOr<Matcher::State> Matcher::Compute(State state, uint8_t byte) {
  Closure closure(this);
  for (const Item& item : items(state)) {
    const Instruction& i = program_.code[Index(item.at)];
    if (byte >= i.first && byte <= i.last) closure.Reach({i.next, item.counts, item.callers});
  }
  STRATA_ASSIGN_OR_RETURN(const State next, closure.Finish());
  if (next_.size() < states_.size() * classes_) next_.resize(states_.size() * classes_, kNotKnown);
  return next_[Cell(state, byte)] = next;
}

absl::StatusOr<Matcher::State> Matcher::After(Callers callers) {
  if (after_[Index(callers)] != kNotKnown) return after_[Index(callers)];
  Closure closure(this);
  for (const Item& caller : callers_[Index(callers)]) closure.Reach(caller);
  STRATA_ASSIGN_OR_RETURN(const State after, closure.Finish());
  return after_[Index(callers)] = after;
}

Matcher::State Matcher::Local(absl::Span<const Item> items) {
  Places places;
  for (const Item& item : items) places.items.push_back({item.at, item.counts, kUnknown});
  SortUnique(&places.items);
  return AddState(std::move(places));
}

Matcher::Item Matcher::NearItem(const Item& item) const {
  return {item.at, near_counts_[Index(item.counts)], near_callers_[Index(item.callers)]};
}

Matcher::State Matcher::Near(State state) {
  if (near_[Index(state)] != kNotKnown) return near_[Index(state)];
  Places places = states_[Index(state)];
  for (Item& item : places.items) item = NearItem(item);
  SortUnique(&places.items);
  const State near = AddState(std::move(places));
  return near_[Index(near)] = near_[Index(state)] = near;
}

Matcher::State Matcher::AddState(Places places) {
  const auto number = static_cast<State>(states_.size());
  const auto [entry, fresh] = state_numbers_.try_emplace(places, number);
  if (!fresh) return entry->second;
  kept_ += static_cast<int64_t>(places.items.size());
  states_.push_back(std::move(places));
  near_.push_back(kNotKnown);
  return number;
}

Matcher::Callers Matcher::AddCallers(std::vector<Item> items) {
  const auto number = static_cast<Callers>(callers_.size());
  const auto [entry, fresh] = caller_numbers_.try_emplace(items, number);
  if (!fresh) return entry->second;
  kept_ += static_cast<int64_t>(items.size());
  callers_.push_back(items);
  near_callers_.push_back(number);
  after_.push_back(kNotKnown);
  if (number <= kUnknown) return number;
  for (Item& item : items) item = NearItem(item);
  SortUnique(&items);
  const Callers near = AddCallers(std::move(items));  // itself, if its counts are small
  return near_callers_[Index(number)] = near, number;
}

Matcher::Counts Matcher::AddCount(Count count) {
  const auto number = static_cast<Counts>(counts_.size());
  const auto [entry, fresh] = count_numbers_.try_emplace(count, number);
  if (!fresh) return entry->second;
  counts_.push_back(count);
  near_counts_.push_back(number);
  if (number == 0) return number;
  const auto near = [&](int32_t n) { return horizon_ > 0 && n > horizon_ ? kNoLimit : n; };
  const Counts far =
      AddCount({near(count.least), near(count.most), near_counts_[Index(count.outer)]});
  return near_counts_[Index(number)] = far, number;
}

}  // namespace strata::inference::grammar
