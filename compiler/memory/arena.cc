#include "compiler/memory/arena.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <vector>

namespace strata::compiler {
namespace {

// Close enough to the bound to stop.
constexpr double kGoodEnough = 1.005;
// Pairs of slices that all tries together may look at: about thirty milliseconds.
constexpr double kMostPairs = 3e7;
constexpr int kMostTries = 400;

uint64_t Rounded(uint64_t bytes) {
  return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

bool LiveTogether(const Slice& a, const Slice& b) { return a.first <= b.last && b.first <= a.last; }

// Live bytes by step: steps[i] is where the i-th stretch begins, bytes[i] what lives in it.
struct Load {
  std::vector<int> steps;
  std::vector<uint64_t> bytes;
};

Load LoadOf(absl::Span<const Slice> slices) {
  std::map<int, int64_t> change;
  for (const Slice& slice : slices) {
    change[slice.first] += static_cast<int64_t>(Rounded(slice.bytes));
    change[slice.last + 1] -= static_cast<int64_t>(Rounded(slice.bytes));
  }
  Load load;
  int64_t live = 0;
  for (const auto& [step, bytes] : change) {
    load.steps.push_back(step);
    load.bytes.push_back(static_cast<uint64_t>(live += bytes));
  }
  return load;
}

// Places slices in a given order and keeps the best placement seen.
class Packer {
 public:
  explicit Packer(absl::Span<const Slice> slices) : slices_(slices.begin(), slices.end()) {
    const Load load = LoadOf(slices);
    for (uint64_t bytes : load.bytes) bound_ = std::max(bound_, bytes);
    for (size_t i = 0; i < slices_.size(); ++i) {
      if (slices_[i].bytes > 0) order_.push_back(i);
      auto from = std::lower_bound(load.steps.begin(), load.steps.end(), slices_[i].first);
      auto to = std::upper_bound(load.steps.begin(), load.steps.end(), slices_[i].last);
      uint64_t fullest = 0;
      for (auto at = from; at < to; ++at) {
        fullest = std::max(fullest, load.bytes[static_cast<size_t>(at - load.steps.begin())]);
      }
      fullest_.push_back(fullest);
    }
    const double n = static_cast<double>(order_.size());
    tries_left_ =
        static_cast<int>(std::clamp(kMostPairs / std::max(1.0, n * n), 6.0, 1.0 * kMostTries));
  }

  // Fills the offsets; returns the size.
  uint64_t Run(absl::Span<Slice> slices) {
    TryInOrderOf([&](size_t i) { return Size(i); });
    TryInOrderOf([&](size_t i) { return Life(i); });
    TryInOrderOf([&](size_t i) { return Size(i) * Life(i); });
    TryInOrderOf([&](size_t i) { return Fullest(i); });
    TryInOrderOf([&](size_t i) { return Fullest(i) * Life(i); });
    TryInOrderOf([&](size_t i) { return Fullest(i) * Size(i); });
    TryInOrderOf([&](size_t i) { return Size(i) * std::sqrt(Life(i)); });
    // Classes, the longest life first in each: sizes within a factor of two, loads within a sixteenth of the fullest.
    TryInOrderOf([&](size_t i) { return std::floor(std::log2(Size(i))) * 1e9 + Life(i); });
    TryInOrderOf([&](size_t i) {
      return std::floor(16 * Fullest(i) / static_cast<double>(bound_)) * 1e9 + Life(i);
    });
    Climb();
    for (size_t i = 0; i < slices.size(); ++i)
      slices[i].offset = best_offsets_.empty() ? 0 : best_offsets_[i];
    return best_offsets_.empty() ? 0 : best_;
  }

 private:
  double Size(size_t i) const { return static_cast<double>(slices_[i].bytes); }
  double Fullest(size_t i) const { return static_cast<double>(fullest_[i]); }
  double Life(size_t i) const { return 1.0 + slices_[i].last - slices_[i].first; }
  bool Done() const {
    return tries_left_ <= 0 ||
           static_cast<double>(best_) <= kGoodEnough * static_cast<double>(bound_);
  }

  // Largest key first, then the largest slice, then the first; each slice into the tightest gap, or into the lowest.
  template <typename Key>
  void TryInOrderOf(const Key& key) {
    if (Done()) return;
    std::stable_sort(order_.begin(), order_.end(), [&](size_t a, size_t b) {
      const double x = key(a), y = key(b);
      return x != y ? x > y : slices_[a].bytes > slices_[b].bytes;
    });
    for (bool tightest : {true, false}) {
      tightest_ = tightest;
      if (!Done()) Try(order_);
    }
  }

  uint64_t Try(const std::vector<size_t>& order) {
    --tries_left_;
    placed_.clear();
    uint64_t size = 0;
    for (size_t i : order) {
      Slice& slice = slices_[i];
      slice.offset = BestOffset(slice);
      size = std::max(size, slice.offset + Rounded(slice.bytes));
      auto at = std::upper_bound(
          placed_.begin(), placed_.end(), slice.offset,
          [](uint64_t offset, const Slice* other) { return offset < other->offset; });
      placed_.insert(at, &slice);
    }
    if (size < best_) {
      best_ = size;
      best_order_ = order;
      best_offsets_.assign(slices_.size(), 0);
      for (size_t i : order) best_offsets_[i] = slices_[i].offset;
    }
    return size;
  }

  // The offset of the tightest (or the lowest) gap between what is placed that holds `slice`; after them all when none
  // does.
  uint64_t BestOffset(const Slice& slice) const {
    const uint64_t bytes = Rounded(slice.bytes);
    uint64_t end = 0;  // of the slices seen so far that live together with this one
    uint64_t best = 0, best_gap = std::numeric_limits<uint64_t>::max();
    for (const Slice* other : placed_) {
      if (!LiveTogether(slice, *other)) continue;
      if (!tightest_ && other->offset >= end + bytes) return end;
      if (other->offset >= end + bytes && other->offset - end < best_gap) {
        best = end;
        best_gap = other->offset - end;
      }
      end = std::max(end, other->offset + Rounded(other->bytes));
    }
    return best_gap != std::numeric_limits<uint64_t>::max() ? best : end;
  }

  // From the best order on: a slice at the top goes before one of those that it lives together with, now and then two
  // slices change places; a step that makes the arena larger is taken back.
  void Climb() {
    std::vector<size_t> order = best_order_;
    std::vector<uint64_t> offsets = best_offsets_;  // of `order`
    uint64_t size = best_;
    while (!Done() && order.size() > 1) {
      std::vector<size_t> next = order;
      const size_t top = TopOf(order, offsets, Roll(order.size()));
      const size_t to = NewPlace(order, top);
      if (to < top) {
        std::rotate(next.begin() + static_cast<long>(to), next.begin() + static_cast<long>(top),
                    next.begin() + static_cast<long>(top) + 1);
      } else {
        std::swap(next[to], next[top]);
      }
      tightest_ = Roll(2) == 0;
      const uint64_t got = Try(next);
      if (got > size) continue;
      size = got;
      order = std::move(next);
      for (size_t i : order) offsets[i] = slices_[i].offset;
    }
  }

  // Mostly the position of a slice placed before that lives together with the one at `top`.
  size_t NewPlace(const std::vector<size_t>& order, size_t top) {
    std::vector<size_t> met;
    for (size_t k = 0; k < top; ++k) {
      if (LiveTogether(slices_[order[k]], slices_[order[top]])) met.push_back(k);
    }
    return met.empty() || Roll(4) == 0 ? Roll(order.size()) : met[Roll(met.size())];
  }

  size_t Roll(size_t sides) {
    random_ = random_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<size_t>(random_ >> 33) % sides;
  }

  // The position of a slice whose end is the highest, the first from `from` on.
  size_t TopOf(const std::vector<size_t>& order, const std::vector<uint64_t>& offsets,
               size_t from) const {
    size_t top = from;
    uint64_t highest = 0;
    for (size_t k = 0; k < order.size(); ++k) {
      const size_t at = (from + k) % order.size();
      const uint64_t end = offsets[order[at]] + Rounded(slices_[order[at]].bytes);
      if (end <= highest) continue;
      highest = end;
      top = at;
    }
    return top;
  }

  std::vector<Slice> slices_;
  std::vector<uint64_t> fullest_;  // by slice: the most bytes live at one of its steps
  uint64_t bound_ = 0;
  std::vector<size_t> order_;         // slices with bytes
  std::vector<const Slice*> placed_;  // by offset
  bool tightest_ = true;              // the gap taken: the tightest, else the lowest
  int tries_left_ = 0;
  uint64_t random_ = 0x9e3779b97f4a7c15u;
  uint64_t best_ = std::numeric_limits<uint64_t>::max();
  std::vector<size_t> best_order_;
  std::vector<uint64_t> best_offsets_;  // by slice
};

}  // namespace

uint64_t PlanArena(absl::Span<Slice> slices) { return Packer(slices).Run(slices); }

ArenaLoad ArenaLoadOf(absl::Span<const Slice> slices) {
  const Load load = LoadOf(slices);
  ArenaLoad fullest;
  for (size_t i = 0; i < load.steps.size(); ++i) {
    if (load.bytes[i] > fullest.most) fullest = {load.bytes[i], load.steps[i]};
  }
  return fullest;
}

}  // namespace strata::compiler
