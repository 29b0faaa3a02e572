// Matcher: reads text byte by byte along all ways through a grammar at once, and knows which bytes may follow.
//
//   Matcher matcher(&program);
//   Matcher::State state = matcher.start();
//   STRATA_ASSIGN_OR_RETURN(state, matcher.Step(state, '['));   // Matcher::kDead: no text goes on so
//   matcher.may_end(state);
//
// A state is the set of places where a way can be: an instruction that reads a byte, the counts of the repetitions around
// it, and where its rule was called from. Callers are sets too, shared by all that came the same way (the graph-structured
// stack of Tomita, 1985), so ambiguous grammars need polynomial space, and a call at the end of a rule takes the place of
// its caller, so that lists need no more the longer they get. States, callers and counts are kept once each: equal states
// have equal numbers, and what follows a state is worked out once. So text without new nesting is matched by looking up.
//
// Two states without a past: Local(items) forgets who called, and says with at_bottom() where that would matter;
// After(callers) is what follows there.
//
// Not thread-safe. Grows with each new state.
#ifndef STRATA_INFERENCE_GRAMMAR_MATCHER_H_
#define STRATA_INFERENCE_GRAMMAR_MATCHER_H_

#include <cstdint>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "base/status.h"
#include "inference/grammar/program.h"

namespace strata::inference::grammar {

class Matcher {
 public:
  using State = int32_t;
  using Callers = int32_t;  // a set of places to return to
  using Counts = int32_t;   // a stack: how often repetitions must and may still go on
  static constexpr State kDead = 0, kNotKnown = -1;
  static constexpr Callers kNobody = 0, kUnknown = 1;  // of the root; of Local()

  // A place where a byte is read. Also a place to return to.
  struct Item {
    int32_t at = 0;  // instruction
    Counts counts = 0;
    Callers callers = kNobody;

    friend bool operator==(const Item& a, const Item& b) { return a.Key() == b.Key(); }
    friend bool operator<(const Item& a, const Item& b) { return a.Key() < b.Key(); }
    template <typename H>
    friend H AbslHashValue(H h, const Item& i) {
      return H::combine(std::move(h), i.callers, i.at, i.counts);
    }
    std::tuple<int32_t, int32_t, int32_t> Key() const { return {callers, at, counts}; }
  };

  // The program must outlive the matcher. `horizon`: see Near().
  explicit Matcher(const Program* program, int32_t horizon = 0);

  // INVALID_ARGUMENT when the grammar is too ambiguous for the limits below.
  absl::StatusOr<State> start();
  absl::StatusOr<State> Step(State state, uint8_t byte) {
    const State known = Known(state, byte);
    return known != kNotKnown ? known : Compute(state, byte);
  }
  // The same where it was asked before, else kNotKnown.
  State Known(State state, uint8_t byte) const {
    const size_t cell = Cell(state, byte);
    return cell < next_.size() ? next_[cell] : kNotKnown;
  }

  bool may_end(State state) const { return states_[Index(state)].may_end; }
  bool at_bottom(State state) const { return states_[Index(state)].at_bottom; }
  // Sorted, by callers first. Empty: no byte may follow.
  const std::vector<Item>& items(State state) const { return states_[Index(state)].items; }

  // The same items, called by kUnknown.
  State Local(absl::Span<const Item> items);
  // What follows when the rule that `callers` called ends.
  absl::StatusOr<State> After(Callers callers);
  // A state that allows the same next `horizon` bytes: counts that cannot run out within them are without end. Texts that
  // differ in long counts alone have one such state.
  State Near(State state);

  // Numbers made so far, kItems of their items as one: a measure of memory. Items looked at: a measure of time.
  int64_t size() const {
    return static_cast<int64_t>(states_.size() + callers_.size() + counts_.size()) + kept_ / kItems;
  }
  int64_t work() const { return work_; }
  static constexpr int64_t kItems = 32;

  // Limits of one state, and of one step.
  static constexpr size_t kMostItems = 4096;
  static constexpr int64_t kMostWork = 1 << 17;

 private:
  class Closure;
  struct Places {
    std::vector<Item> items;
    bool may_end = false, at_bottom = false;
    bool operator==(const Places& other) const {
      return items == other.items && may_end == other.may_end && at_bottom == other.at_bottom;
    }
    template <typename H>
    friend H AbslHashValue(H h, const Places& p) {
      return H::combine(std::move(h), p.items, p.may_end, p.at_bottom);
    }
  };
  struct Count {
    int32_t least = 0, most = 0;
    Counts outer = 0;
    bool operator==(const Count& o) const {
      return least == o.least && most == o.most && outer == o.outer;
    }
    template <typename H>
    friend H AbslHashValue(H h, const Count& c) {
      return H::combine(std::move(h), c.least, c.most, c.outer);
    }
  };

  static size_t Index(int32_t i) { return static_cast<size_t>(i); }
  size_t Cell(State state, uint8_t byte) const {
    return Index(state) * classes_ + program_.byte_class[byte];
  }

  absl::StatusOr<State> Compute(State state, uint8_t byte);
  State AddState(Places places);
  Callers AddCallers(std::vector<Item> items);
  Counts AddCount(Count count);
  Item NearItem(const Item& item) const;

  const Program& program_;
  const size_t classes_;
  const int32_t horizon_;
  std::vector<Places> states_;
  std::vector<State> next_;  // [states, classes]
  std::vector<State> near_;  // by state; kNotKnown
  absl::flat_hash_map<Places, State> state_numbers_;
  std::vector<std::vector<Item>> callers_;
  std::vector<Callers> near_callers_, after_;  // by callers
  absl::flat_hash_map<std::vector<Item>, Callers> caller_numbers_;
  std::vector<Count> counts_;
  std::vector<Counts> near_counts_;
  absl::flat_hash_map<Count, Counts> count_numbers_;
  State start_ = kNotKnown;
  int64_t kept_ = 0;  // items of states and callers
  int64_t work_ = 0;
};

}  // namespace strata::inference::grammar

#endif  // STRATA_INFERENCE_GRAMMAR_MATCHER_H_
