#include "compiler/memory/arena.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <vector>

namespace strata::compiler {
namespace {

uint64_t Rounded(uint64_t bytes) {
  return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

bool LiveTogether(const Slice& a, const Slice& b) { return a.first <= b.last && b.first <= a.last; }

// The offset of the tightest gap between `placed` (sorted by offset) that holds `slice`; after them all when none does.
uint64_t BestOffset(const std::vector<const Slice*>& placed, const Slice& slice) {
  const uint64_t bytes = Rounded(slice.bytes);
  uint64_t end = 0;  // of the slices seen so far that live together with this one
  uint64_t best = 0, best_gap = std::numeric_limits<uint64_t>::max();
  for (const Slice* other : placed) {
    if (!LiveTogether(slice, *other)) continue;
    if (other->offset >= end + bytes && other->offset - end < best_gap) {
      best = end;
      best_gap = other->offset - end;
    }
    end = std::max(end, other->offset + Rounded(other->bytes));
  }
  return best_gap != std::numeric_limits<uint64_t>::max() ? best : end;
}

}  // namespace

uint64_t PlanArena(absl::Span<Slice> slices) {
  std::vector<size_t> order(slices.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return slices[a].bytes > slices[b].bytes; });
  std::vector<const Slice*> placed;  // by offset
  uint64_t size = 0;
  for (size_t i : order) {
    Slice& slice = slices[i];
    if (slice.bytes == 0) {
      slice.offset = 0;
      continue;
    }
    slice.offset = BestOffset(placed, slice);
    size = std::max(size, slice.offset + Rounded(slice.bytes));
    auto at = std::upper_bound(
        placed.begin(), placed.end(), slice.offset,
        [](uint64_t offset, const Slice* other) { return offset < other->offset; });
    placed.insert(at, &slice);
  }
  return size;
}

uint64_t ArenaLowerBound(absl::Span<const Slice> slices) {
  std::map<int, int64_t> change;  // of the live bytes, by step
  for (const Slice& slice : slices) {
    change[slice.first] += static_cast<int64_t>(Rounded(slice.bytes));
    change[slice.last + 1] -= static_cast<int64_t>(Rounded(slice.bytes));
  }
  int64_t live = 0, most = 0;
  for (const auto& [step, bytes] : change) most = std::max(most, live += bytes);
  return static_cast<uint64_t>(most);
}

}  // namespace strata::compiler
