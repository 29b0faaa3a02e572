#include "chips/npu/sim/shadow.h"

#include <algorithm>
#include <iterator>

namespace strata::chips::npu {
namespace {

// A unit completes its instructions in order.
bool IsOrdered(const Stamp& earlier, const Stamp& later, const Clock& clock) {
  return earlier.number == 0 || earlier.unit == later.unit ||
         clock[static_cast<size_t>(earlier.unit)] >= earlier.number;
}

}  // namespace

void Shadow::Split(int64_t at) {
  auto next = cells_.lower_bound(at);
  if (next == cells_.begin()) return;
  const auto cell = std::prev(next);
  if (cell->second.end <= at) return;
  Cell right = cell->second;
  cell->second.end = at;
  cells_.emplace_hint(next, at, right);
}

void Shadow::Fill(int64_t begin, int64_t end) { Write(begin, end, Stamp(), Clock()); }

Finding Shadow::Read(int64_t begin, int64_t end, const Stamp& stamp, const Clock& clock) {
  Split(begin);
  Split(end);
  int64_t at = begin;
  for (auto cell = cells_.lower_bound(begin); at < end; ++cell) {
    if (cell == cells_.end() || cell->first > at) {
      const int64_t gap = cell == cells_.end() ? end : std::min(end, cell->first);
      return {Hazard::kUnwritten, at, gap, Stamp()};
    }
    if (!IsOrdered(cell->second.writer, stamp, clock)) {
      return {Hazard::kReadAfterWrite, cell->first, cell->second.end, cell->second.writer};
    }
    cell->second.readers[static_cast<size_t>(stamp.unit)] = stamp;
    at = cell->second.end;
  }
  return Finding();
}

Finding Shadow::Write(int64_t begin, int64_t end, const Stamp& stamp, const Clock& clock) {
  if (begin >= end) return Finding();
  Split(begin);
  Split(end);
  const auto first = cells_.lower_bound(begin);
  const auto last = cells_.lower_bound(end);
  for (auto cell = first; cell != last; ++cell) {
    if (!IsOrdered(cell->second.writer, stamp, clock)) {
      return {Hazard::kWriteAfterWrite, cell->first, cell->second.end, cell->second.writer};
    }
    for (const Stamp& reader : cell->second.readers) {
      if (IsOrdered(reader, stamp, clock)) continue;
      return {Hazard::kWriteAfterRead, cell->first, cell->second.end, reader};
    }
  }
  cells_.erase(first, last);
  cells_[begin] = {end, stamp, {}};
  return Finding();
}

}  // namespace strata::chips::npu
