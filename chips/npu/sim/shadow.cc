#include "chips/npu/sim/shadow.h"

#include <algorithm>
#include <iterator>

namespace strata::chips::npu {
namespace {

// The first row of `rows` that ends behind `at`.
int64_t FirstRowBehind(const Rows& rows, int64_t at) {
  if (rows.begin + rows.bytes > at) return 0;
  if (rows.stride == 0) return rows.rows;
  return (at - rows.begin - rows.bytes) / rows.stride + 1;
}

}  // namespace

Overlap FirstOverlap(const Rows& a, const Rows& b) {
  if (a.begin >= b.end() || b.begin >= a.end()) return {};
  for (int64_t r = FirstRowBehind(a, b.begin); r < a.rows; ++r) {
    const int64_t begin = a.begin + r * a.stride;
    const int64_t end = begin + a.bytes;
    if (begin >= b.end()) break;
    const int64_t other = FirstRowBehind(b, begin);
    const int64_t other_begin = b.begin + other * b.stride;
    if (other >= b.rows || other_begin >= end) continue;
    return {std::max(begin, other_begin), std::min(end, other_begin + b.bytes)};
  }
  return {};
}

void Shadow::Fill(int64_t begin, int64_t end) {
  auto next = written_.upper_bound(begin);
  if (next != written_.begin() && std::prev(next)->second >= begin) --next;
  while (next != written_.end() && next->first <= end) {
    begin = std::min(begin, next->first);
    end = std::max(end, next->second);
    next = written_.erase(next);
  }
  written_.emplace_hint(next, begin, end);
}

Finding Shadow::FindUnordered(const Records& records, Hazard hazard, const Rows& rows,
                              const Stamp& stamp, const Clock& clock, bool own) {
  for (size_t unit = 0; unit < records.size(); ++unit) {
    if (static_cast<int>(unit) == stamp.unit && !own) continue;
    const auto by_number = [](int64_t number, const Record& r) { return number < r.stamp.number; };
    const std::vector<Record>& all = records[unit];
    auto record = std::upper_bound(all.begin(), all.end(), clock[unit], by_number);
    for (; record != all.end(); ++record) {
      const Overlap overlap = FirstOverlap(rows, record->rows);
      if (overlap.begin < overlap.end) return {hazard, overlap.begin, overlap.end, record->stamp};
    }
  }
  return Finding();
}

Finding Shadow::FindUnwritten(const Rows& rows) const {
  auto run = written_.end();
  for (int64_t r = 0; r < rows.rows; ++r) {
    const int64_t begin = rows.begin + r * rows.stride;
    const int64_t end = begin + rows.bytes;
    if (run != written_.end() && run->first <= begin && run->second >= end) continue;
    run = written_.upper_bound(begin);
    const auto next = run;
    run = run == written_.begin() ? written_.end() : std::prev(run);
    if (run != written_.end() && run->second >= end) continue;
    const int64_t gap = run == written_.end() ? begin : std::max(begin, run->second);
    const int64_t gap_end = next == written_.end() ? end : std::min(end, next->first);
    return {Hazard::kUnwritten, gap, gap_end, Stamp()};
  }
  return Finding();
}

Finding Shadow::Read(const Rows& rows, const Stamp& stamp, const Clock& clock, bool own) {
  const Finding unwritten = FindUnwritten(rows);
  if (unwritten.hazard != Hazard::kNone) return unwritten;
  const Finding finding = FindUnordered(writes_, Hazard::kReadAfterWrite, rows, stamp, clock, own);
  if (finding.hazard != Hazard::kNone) return finding;
  reads_[static_cast<size_t>(stamp.unit)].push_back({rows, stamp});
  return Finding();
}

Finding Shadow::Write(const Rows& rows, const Stamp& stamp, const Clock& clock) {
  Finding finding = FindUnordered(writes_, Hazard::kWriteAfterWrite, rows, stamp, clock, false);
  if (finding.hazard != Hazard::kNone) return finding;
  finding = FindUnordered(reads_, Hazard::kWriteAfterRead, rows, stamp, clock, false);
  if (finding.hazard != Hazard::kNone) return finding;
  for (int64_t r = 0; r < rows.rows; ++r) {
    const int64_t begin = rows.begin + r * rows.stride;
    Fill(begin, begin + rows.bytes);
  }
  writes_[static_cast<size_t>(stamp.unit)].push_back({rows, stamp});
  return Finding();
}

void Shadow::Forget(const Clock& known) {
  for (Records* records : {&reads_, &writes_}) {
    for (size_t unit = 0; unit < records->size(); ++unit) {
      std::vector<Record>& all = (*records)[unit];
      const auto first = std::find_if(
          all.begin(), all.end(), [&](const Record& r) { return r.stamp.number > known[unit]; });
      all.erase(all.begin(), first);
    }
  }
}

}  // namespace strata::chips::npu
