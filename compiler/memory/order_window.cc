#include "compiler/memory/order_window.h"

#include <algorithm>
#include <unordered_map>

namespace strata::compiler {
namespace {

using Set = uint32_t;  // of nodes of the window that have run

size_t At(int i) { return static_cast<size_t>(i); }

// A content that a node of the window reads or makes.
struct Local {
  int content = -1;
  Set readers = 0;
  bool outlives = false;  // read after the window, or kept
};

struct State {
  uint64_t peak = 0;
  double sum = 0;
  uint64_t live = 0;
  int last = -1;  // the node that ran last, by its place in the window
};

class Window {
 public:
  Window(const OrderProblem& problem, const Execution& run, absl::Span<const int> nodes)
      : problem_(problem),
        nodes_(nodes.begin(), nodes.end()),
        before_(nodes.size(), 0),
        local_of_(problem.bytes.size(), -1) {
    std::unordered_map<int, size_t> maker;  // content -> place in the window
    std::unordered_map<int, size_t> place;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      place[nodes_[i]] = i;
      for (int content : Node(i).writes) maker[content] = i;
    }
    for (size_t i = 0; i < nodes_.size(); ++i) {
      for (int content : Node(i).reads) {
        LocalOf(content).readers |= Set{1} << i;
        auto it = maker.find(content);
        if (it != maker.end()) before_[i] |= Set{1} << it->second;
      }
      for (int content : Node(i).writes) LocalOf(content);
      for (int other : Node(i).after) {
        auto it = place.find(other);
        if (it != place.end()) before_[i] |= Set{1} << it->second;
      }
    }
    for (Local& local : locals_) {
      local.outlives = problem.kept[At(local.content)] ||
                       run.readers_left(local.content) > __builtin_popcount(local.readers);
    }
    states_[0] = {0, 0, run.live(), -1};
  }

  std::vector<int> Search(uint64_t limit, size_t most_states) {
    std::vector<Set> layer = {0};
    for (size_t ran = 0; ran < nodes_.size(); ++ran) {
      std::vector<Set> next;
      for (Set set : layer) {
        for (size_t i = 0; i < nodes_.size(); ++i) {
          if ((set >> i & 1) == 0 && (before_[i] & ~set) == 0) Extend(set, i, limit, &next);
        }
        if (states_.size() > most_states) return {};
      }
      layer = std::move(next);
    }
    return layer.empty() ? std::vector<int>{} : Trace(layer[0]);
  }

 private:
  const OrderProblem::Node& Node(size_t i) const { return problem_.nodes[At(nodes_[i])]; }

  Local& LocalOf(int content) {
    int& local = local_of_[At(content)];
    if (local < 0) {
      local = static_cast<int>(locals_.size());
      locals_.push_back({content});
    }
    return locals_[At(local)];
  }

  void Extend(Set set, size_t i, uint64_t limit, std::vector<Set>* next) {
    const State from = states_[set];
    const Set self = Set{1} << i;
    const auto dies = [&](int content) {
      const Local& local = locals_[At(local_of_[At(content)])];
      return !local.outlives && (local.readers & ~set) == self;
    };
    const uint64_t during = from.live + FreshBytes(problem_, nodes_[i], dies);
    if (during >= limit) return;
    State state{std::max(from.peak, during), from.sum + static_cast<double>(during), from.live,
                static_cast<int>(i)};
    for (int content : Node(i).writes) {
      const Local& local = locals_[At(local_of_[At(content)])];
      if (local.outlives || local.readers != 0) state.live += problem_.bytes[At(content)];
    }
    for (int content : Node(i).reads) {
      if (dies(content)) state.live -= problem_.bytes[At(content)];
    }
    auto [it, fresh] = states_.emplace(set | self, state);
    if (fresh) {
      next->push_back(set | self);
    } else if (state.peak < it->second.peak ||
               (state.peak == it->second.peak && state.sum < it->second.sum)) {
      it->second = state;
    }
  }

  std::vector<int> Trace(Set set) const {
    std::vector<int> order;
    while (set != 0) {
      const int last = states_.at(set).last;
      order.push_back(nodes_[At(last)]);
      set &= ~(Set{1} << last);
    }
    std::reverse(order.begin(), order.end());
    return order;
  }

  const OrderProblem& problem_;
  std::vector<int> nodes_;
  std::vector<Set> before_;    // by place: what must have run
  std::vector<int> local_of_;  // by content: index into locals_, or -1
  std::vector<Local> locals_;
  std::unordered_map<Set, State> states_;
};

}  // namespace

std::vector<int> BestOrderOfWindow(const OrderProblem& problem, const Execution& run,
                                   absl::Span<const int> window, uint64_t limit,
                                   size_t most_states) {
  if (window.size() > kLargestWindow) return {};
  return Window(problem, run, window).Search(limit, most_states);
}

}  // namespace strata::compiler
