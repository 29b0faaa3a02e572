#include "compiler/npu/order_tracker.h"

#include <algorithm>

namespace strata::compiler {
namespace {

using chips::npu::Access;
using chips::npu::Clock;
using chips::npu::Effect;
using chips::npu::FirstOverlap;
using chips::npu::Rows;

constexpr size_t kForgetEvery = 512;

bool IsEmpty(const Access& access) { return access.rows == 0 || access.row_bytes == 0; }

// Rows without gaps are one long row.
Rows RowsOf(const Access& access) {
  Rows rows = {access.address, access.rows, access.row_bytes, access.stride};
  if (access.rows == 1) rows.stride = 0;
  if (access.stride == access.row_bytes) rows = {access.address, 1, rows.end() - rows.begin, 0};
  return rows;
}

}  // namespace

void OrderTracker::FindConflicts(const Records& records, const Rows& rows, int unit,
                                 Clock* newest) {
  for (size_t other = 0; other < records.size(); ++other) {
    if (static_cast<int>(other) == unit) continue;
    for (auto record = records[other].rbegin(); record != records[other].rend(); ++record) {
      if (record->number <= (*newest)[other]) break;
      const chips::npu::Overlap overlap = FirstOverlap(rows, record->rows);
      if (overlap.begin >= overlap.end) continue;
      (*newest)[other] = record->number;
      break;
    }
  }
}

std::vector<size_t> OrderTracker::Append(int unit, const Effect& effect) {
  Clock& clock = clocks_[static_cast<size_t>(unit)];
  Clock newest = clock;
  for (size_t other = 0; other < newest.size(); ++other) {
    if (static_cast<int>(other) != unit) newest[other] = std::max(newest[other], forgotten_[other]);
  }
  for (int i = 0; i < effect.access_count; ++i) {
    const Access& access = effect.accesses[static_cast<size_t>(i)];
    if (IsEmpty(access)) continue;
    const MemoryRecords& memory = memories_[static_cast<size_t>(access.memory)];
    FindConflicts(memory.writes, RowsOf(access), unit, &newest);
    if (access.write) FindConflicts(memory.reads, RowsOf(access), unit, &newest);
  }
  std::vector<size_t> waits = WithoutImplied(unit, newest);
  for (const size_t index : waits) {
    for (size_t other = 0; other < clock.size(); ++other) {
      clock[other] = std::max(clock[other], past_[index].known[other]);
    }
  }
  std::vector<size_t>& mine = by_unit_[static_cast<size_t>(unit)];
  mine.push_back(past_.size());
  const int64_t number = static_cast<int64_t>(mine.size());
  clock[static_cast<size_t>(unit)] = number;
  past_.push_back({unit, number, clock});
  Remember(unit, number, effect);
  if (past_.size() % kForgetEvery == 0) Forget();
  return waits;
}

std::vector<size_t> OrderTracker::WithoutImplied(int unit, const Clock& newest) const {
  const Clock& clock = clocks_[static_cast<size_t>(unit)];
  std::vector<size_t> waits;
  for (size_t other = 0; other < newest.size(); ++other) {
    if (newest[other] <= clock[other] || static_cast<int>(other) == unit) continue;
    waits.push_back(by_unit_[other][static_cast<size_t>(newest[other] - 1)]);
  }
  const auto implied = [this, &waits](size_t index) {
    const Past& past = past_[index];
    return std::any_of(waits.begin(), waits.end(), [&](size_t by) {
      return by != index && past_[by].known[static_cast<size_t>(past.unit)] >= past.number;
    });
  };
  std::vector<size_t> needed;
  std::copy_if(waits.begin(), waits.end(), std::back_inserter(needed),
               [&](size_t index) { return !implied(index); });
  return needed;
}

void OrderTracker::Remember(int unit, int64_t number, const Effect& effect) {
  for (int i = 0; i < effect.access_count; ++i) {
    const Access& access = effect.accesses[static_cast<size_t>(i)];
    if (IsEmpty(access)) continue;
    MemoryRecords& memory = memories_[static_cast<size_t>(access.memory)];
    const size_t u = static_cast<size_t>(unit);
    (access.write ? memory.writes : memory.reads)[u].push_back({RowsOf(access), number});
  }
}

void OrderTracker::Forget() {
  for (size_t unit = 0; unit < by_unit_.size(); ++unit) {
    int64_t known = static_cast<int64_t>(by_unit_[unit].size());
    for (size_t other = 0; other < clocks_.size(); ++other) {
      if (other != unit && !by_unit_[other].empty()) known = std::min(known, clocks_[other][unit]);
    }
    forgotten_[unit] = std::max(forgotten_[unit], known);
    const auto is_new = [known](const Record& record) { return record.number > known; };
    for (MemoryRecords& memory : memories_) {
      for (Records* records : {&memory.reads, &memory.writes}) {
        std::vector<Record>& all = (*records)[unit];
        all.erase(all.begin(), std::find_if(all.begin(), all.end(), is_new));
      }
    }
  }
}

}  // namespace strata::compiler
