#include "compiler/memory/order.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

#include "compiler/memory/execution.h"
#include "compiler/memory/order_window.h"

namespace strata::compiler {
namespace {

constexpr size_t kWindow = 14;
constexpr size_t kWindowStates = 2000;
constexpr int kMostRounds = 48;   // of improving around the peak
constexpr size_t kMostMoves = 8;  // tried for a peak, of each kind
constexpr size_t kFewNodes = 12;  // so few are ordered exactly

size_t At(int i) { return static_cast<size_t>(i); }

std::vector<int> AsGiven(const OrderProblem& problem) {
  std::vector<int> order(problem.nodes.size());
  std::iota(order.begin(), order.end(), 0);
  return order;
}

// What frees at least as much as it makes runs as soon as it can, the most freeing first; else the node that comes first
// in `given`.
std::vector<int> EagerOrder(Execution run, const std::vector<int>& given) {
  std::vector<int> place(given.size());
  for (size_t i = 0; i < given.size(); ++i) place[At(given[i])] = static_cast<int>(i);
  std::set<std::pair<int, int>> ready;  // (place, node)
  for (int node : given) {
    if (run.IsReady(node)) ready.insert({place[At(node)], node});
  }
  std::vector<int> order;
  while (!ready.empty()) {
    auto chosen = ready.begin();
    int64_t most = -1;
    for (auto it = ready.begin(); it != ready.end(); ++it) {
      const int64_t freed =
          static_cast<int64_t>(run.live()) - static_cast<int64_t>(run.Look(it->second).after);
      if (freed <= most) continue;
      most = freed;
      chosen = it;
    }
    const int node = chosen->second;
    ready.erase(chosen);
    run.Run(node);
    order.push_back(node);
    for (int follower : run.Followers(node)) {
      if (run.IsReady(follower)) ready.insert({place[At(follower)], follower});
    }
  }
  return order;
}

OrderCost CostFrom(Execution run, absl::Span<const int> order) {
  OrderCost cost;
  for (int node : order) {
    const uint64_t during = run.Look(node).during;
    cost.peak = std::max(cost.peak, during);
    cost.sum += static_cast<double>(during);
    run.Run(node);
  }
  return cost;
}

// Lowers the peak of one order step by step.
class Improver {
 public:
  Improver(const OrderProblem& problem, const Execution& start, std::vector<int> order)
      : problem_(problem),
        start_(start),
        maker_(MakersOf(problem)),
        readers_(problem.bytes.size()),
        order_(std::move(order)) {
    for (size_t n = 0; n < problem.nodes.size(); ++n) {
      for (int content : problem.nodes[n].reads)
        readers_[At(content)].push_back(static_cast<int>(n));
    }
  }

  std::vector<int> Run() {
    OrderCost cost = CostFrom(start_, order_);
    for (int round = 0; round < kMostRounds; ++round) {
      FindPeak();
      if (!ImproveWindow() && !MovePast() && !MoveAhead()) break;
      const OrderCost now = CostFrom(start_, order_);
      if (!(now < cost)) break;
      cost = now;
    }
    return order_;
  }

 private:
  void FindPeak() {
    Execution run = start_;
    peak_ = 0;
    for (size_t i = 0; i < order_.size(); ++i) {
      const uint64_t during = run.Look(order_[i]).during;
      if (during > peak_) {
        peak_ = during;
        at_ = i;
      }
      run.Run(order_[i]);
    }
    place_.resize(order_.size());
    for (size_t i = 0; i < order_.size(); ++i) place_[At(order_[i])] = i;
  }

  bool ImproveWindow() {
    const size_t size = std::min(kWindow, order_.size());
    for (size_t before : {size / 2, size - 1, size_t{0}}) {
      const size_t first = std::min(at_ - std::min(at_, before), order_.size() - size);
      Execution run = start_;
      for (size_t i = 0; i < first; ++i) run.Run(order_[i]);
      const std::vector<int> best = BestOrderOfWindow(
          problem_, run, absl::MakeSpan(order_).subspan(first, size), peak_, kWindowStates);
      if (best.empty()) continue;
      std::copy(best.begin(), best.end(), order_.begin() + static_cast<long>(first));
      return true;
    }
    return false;
  }

  // Contents that live through the peak step without being used there, the largest first.
  std::vector<int> Sleepers() const {
    std::vector<int> sleepers;
    for (size_t c = 0; c < maker_.size(); ++c) {
      const int maker = maker_[c];
      if (problem_.bytes[c] == 0 || maker < 0 || place_[At(maker)] >= at_) continue;
      bool later = problem_.kept[c], now = false;
      for (int reader : readers_[c]) {
        later = later || place_[At(reader)] > at_;
        now = now || place_[At(reader)] == at_;
      }
      if (later && !now) sleepers.push_back(static_cast<int>(c));
    }
    std::stable_sort(sleepers.begin(), sleepers.end(),
                     [&](int a, int b) { return problem_.bytes[At(a)] > problem_.bytes[At(b)]; });
    if (sleepers.size() > kMostMoves) sleepers.resize(kMostMoves);
    return sleepers;
  }

  // Makes a content that nobody reads before the peak just before its first reader.
  bool MovePast() {
    for (int content : Sleepers()) {
      const size_t from = place_[At(maker_[At(content)])];
      size_t to = order_.size();
      for (int follower : start_.Followers(order_[from])) to = std::min(to, place_[At(follower)]);
      if (to <= at_) continue;
      std::vector<int> moved = order_;
      std::rotate(moved.begin() + static_cast<long>(from),
                  moved.begin() + static_cast<long>(from) + 1,
                  moved.begin() + static_cast<long>(to));
      if (Accept(std::move(moved))) return true;
    }
    return false;
  }

  // Runs the last reader of a content, and what it waits for, before the peak.
  bool MoveAhead() {
    for (int content : Sleepers()) {
      if (problem_.kept[At(content)]) continue;
      size_t last = 0;
      for (int reader : readers_[At(content)]) last = std::max(last, place_[At(reader)]);
      std::vector<bool> needed(order_.size() - at_, false);  // by place, from the peak on
      needed[last - at_] = true;
      for (size_t i = last; i >= at_ && i < order_.size(); --i) {
        if (!needed[i - at_]) continue;
        MarkNeeded(order_[i], &needed);
        if (i == 0) break;
      }
      if (needed[0]) continue;  // it waits for the peak itself
      std::vector<int> moved(order_.begin(), order_.begin() + static_cast<long>(at_));
      for (bool first : {true, false}) {
        for (size_t i = at_; i < order_.size(); ++i) {
          if (needed[i - at_] == first) moved.push_back(order_[i]);
        }
      }
      if (Accept(std::move(moved))) return true;
    }
    return false;
  }

  void MarkNeeded(int node, std::vector<bool>* needed) const {
    const auto mark = [&](int before) {
      if (before >= 0 && place_[At(before)] >= at_) (*needed)[place_[At(before)] - at_] = true;
    };
    for (int content : problem_.nodes[At(node)].reads) mark(maker_[At(content)]);
    for (int before : problem_.nodes[At(node)].after) mark(before);
  }

  bool Accept(std::vector<int> order) {
    if (CostFrom(start_, order).peak >= peak_) return false;
    order_ = std::move(order);
    return true;
  }

  const OrderProblem& problem_;
  const Execution& start_;
  std::vector<int> maker_;                 // by content
  std::vector<std::vector<int>> readers_;  // by content
  std::vector<int> order_;
  std::vector<size_t> place_;  // by node
  uint64_t peak_ = 0;
  size_t at_ = 0;  // place of the peak
};

}  // namespace

OrderCost CostOfOrder(const OrderProblem& problem, absl::Span<const int> order) {
  return CostFrom(Execution(problem), order);
}

bool IsLegalOrder(const OrderProblem& problem, absl::Span<const int> order) {
  if (order.size() != problem.nodes.size()) return false;
  Execution run(problem);
  std::vector<bool> ran(order.size(), false);
  for (int node : order) {
    if (node < 0 || At(node) >= ran.size() || ran[At(node)] || !run.IsReady(node)) return false;
    ran[At(node)] = true;
    run.Run(node);
  }
  return true;
}

std::vector<int> BestOrder(const OrderProblem& problem) {
  const std::vector<int> given = AsGiven(problem);
  const Execution run(problem);
  constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();
  return BestOrderOfWindow(problem, run, given, kNoLimit, std::numeric_limits<size_t>::max());
}

std::vector<int> LowerPeakOrder(const OrderProblem& problem) {
  const Execution start(problem);
  std::vector<int> best = AsGiven(problem);
  OrderCost cost = CostFrom(start, best);
  if (best.size() <= kFewNodes) {
    std::vector<int> exact = BestOrder(problem);
    const OrderCost got = CostFrom(start, exact);
    if (got.peak < cost.peak) {
      cost = got;
      best = std::move(exact);
    }
  }
  // Until nothing improves, so that a second call with the result finds nothing more to do.
  for (bool better = true; better;) {
    better = false;
    for (bool eager : {true, false}) {
      std::vector<int> order =
          Improver(problem, start, eager ? EagerOrder(start, best) : best).Run();
      const OrderCost got = CostFrom(start, order);
      if (!(got < cost)) continue;
      cost = got;
      best = std::move(order);
      better = true;
    }
  }
  return best;
}

}  // namespace strata::compiler
