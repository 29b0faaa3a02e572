#include "chips/npu/systolic/sram_buffers.h"

#include <algorithm>

namespace strata::chips::systolic {
namespace {

constexpr int64_t kSets = 100;
constexpr int64_t kEstimateBandwidth = 10;  // words a cycle of the first fetch
constexpr int64_t kLatency = 1;             // of a read port

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t Half(int64_t size) { return size - CeilDiv(size, 2); }

}  // namespace

EstimatedReadBuffer::EstimatedReadBuffer(int64_t size, int64_t words)
    : set_size_(size / kSets), set_of_(static_cast<size_t>(words), -1) {}

// The set being filled, and the full ones that are active.
bool EstimatedReadBuffer::Holds(int64_t set) const {
  return set >= active_begin_ && set <= static_cast<int64_t>(set_sizes_.size());
}

void EstimatedReadBuffer::Read(int64_t cycle, int64_t address) {
  if (!seen_) first_read_ = cycle;
  seen_ = true;
  int32_t& set = set_of_[static_cast<size_t>(address)];
  if (set >= 0 && Holds(set)) return;
  set = static_cast<int32_t>(set_sizes_.size());
  if (++in_current_ == set_size_) CloseSet(cycle);
}

void EstimatedReadBuffer::CloseSet(int64_t cycle) {
  set_sizes_.push_back(in_current_);
  in_current_ = 0;
  const int64_t full = static_cast<int64_t>(set_sizes_.size());
  if (full < active_begin_ + kHalf) return;
  if (!fetched_) {
    fetch_to_ = first_read_ - 1 - kLatency;
    fetch_from_ = fetch_to_ - CeilDiv(kHalf * set_size_, kEstimateBandwidth) + 1;
  }
  Fetch(fetch_begin_, full, fetch_from_, fetch_to_);
  active_begin_ += kHalf;
  fetch_from_ = fetch_to_ + 1;
  fetch_to_ = cycle;
}

void EstimatedReadBuffer::Fetch(int64_t first_set, int64_t end_set, int64_t from, int64_t to) {
  for (int64_t set = first_set; set < end_set; ++set) {
    traffic_.words += set_sizes_[static_cast<size_t>(set)];
  }
  if (!fetched_) traffic_.first_cycle = from + kLatency;
  traffic_.last_cycle = to + kLatency;
  fetch_begin_ = end_set;
  fetched_ = true;
}

DramTraffic EstimatedReadBuffer::Finish() {
  if (in_current_ > 0) set_sizes_.push_back(in_current_);
  const int64_t sets = static_cast<int64_t>(set_sizes_.size());
  if (!fetched_) {
    fetch_to_ = -1 - kLatency;
    fetch_from_ = fetch_to_ - CeilDiv(sets * set_size_, kEstimateBandwidth) + 1;
  }
  Fetch(fetch_begin_, sets, fetch_from_, fetch_to_);
  return traffic_;
}

PrefetchedReadBuffer::PrefetchedReadBuffer(int64_t size, int64_t bandwidth,
                                           const std::vector<int32_t>& list, int64_t words)
    : bandwidth_(bandwidth),
      half_rows_(CeilDiv(Half(size), bandwidth)),
      list_rows_(CeilDiv(static_cast<int64_t>(list.size()), bandwidth)),
      line_begin_(static_cast<size_t>(words) + 1) {
  for (const int32_t address : list) {
    if (address >= 0) ++line_begin_[static_cast<size_t>(address) + 1];
  }
  for (size_t i = 1; i < line_begin_.size(); ++i) line_begin_[i] += line_begin_[i - 1];
  lines_of_.resize(static_cast<size_t>(line_begin_.back()));
  std::vector<int32_t> next(line_begin_.begin(), line_begin_.end() - 1);
  const int64_t line_size = CeilDiv(size, kSets);
  int64_t in_line = 0;
  int32_t line = 0;
  for (const int32_t address : list) {
    if (address < 0) continue;
    lines_of_[static_cast<size_t>(next[static_cast<size_t>(address)]++)] = line;
    if (++in_line < line_size) continue;
    ++line;
    in_line = 0;
  }
  lines_ = line + 1;
  active_lines_ =
      static_cast<int32_t>(std::min<int64_t>(lines_, CeilDiv(CeilDiv(size, 2), line_size)));
  fetch_lines_ = static_cast<int32_t>(
      std::min<int64_t>(lines_ - active_lines_, CeilDiv(Half(size), line_size)));
}

void PrefetchedReadBuffer::BeginLine(int64_t cycle) {
  cycle_ = cycle;
  delay_ = 0;
  if (started_) return;
  started_ = true;
  // The first half is there when the array starts.
  const int64_t rows = std::min(list_rows_, half_rows_);
  traffic_ = {rows * bandwidth_, cycle - rows, cycle - 1};
  fetched_at_ = cycle - 1;
  active_end_ = active_lines_;
}

bool PrefetchedReadBuffer::Holds(int64_t address) const {
  const size_t a = static_cast<size_t>(address);
  for (int32_t i = line_begin_[a]; i < line_begin_[a + 1]; ++i) {
    const int32_t line = lines_of_[static_cast<size_t>(i)];
    const bool held = active_begin_ < active_end_ ? line >= active_begin_ && line < active_end_
                                                  : line >= active_begin_ || line < active_end_;
    if (held) return true;
  }
  return false;
}

void PrefetchedReadBuffer::FetchNext() {
  active_begin_ = (active_begin_ + fetch_lines_) % lines_;
  active_end_ = (active_begin_ + active_lines_) % lines_;
  traffic_.words += half_rows_ * bandwidth_;
  fetched_at_ += half_rows_ + kLatency;
  traffic_.last_cycle = fetched_at_;
  const int64_t wait = fetched_at_ - (cycle_ + delay_ + 1);
  delay_ += wait > 0 ? 2 * wait : wait;
}

WriteBuffer::WriteBuffer(int64_t size, int64_t bandwidth)
    : active_size_(size - Half(size)),
      bandwidth_(bandwidth),
      half_rows_(CeilDiv(Half(size), bandwidth)),
      free_(size) {}

void WriteBuffer::CloseLine() {
  if (in_line_ > 0) lines_.push_back(static_cast<int32_t>(in_line_));
  in_line_ = 0;
}

int64_t WriteBuffer::Write(int64_t cycle, int64_t words) {
  for (int64_t i = 0; i < words; ++i) {
    --free_;
    if (++in_line_ == bandwidth_) CloseLine();
    if (cycle < drain_end_) {
      if (free_ <= 0) cycle = drain_end_;
    } else if (free_ < active_size_) {
      CloseLine();
      drain_end_ = Drain(cycle);
    }
  }
  return cycle;
}

// The last cycle of half a buffer's way to DRAM.
int64_t WriteBuffer::Drain(int64_t cycle) {
  const size_t end = std::min(lines_.size(), drained_ + static_cast<size_t>(half_rows_));
  const int64_t rows = static_cast<int64_t>(end - drained_);
  const int64_t words = (rows - 1) * bandwidth_ + lines_[end - 1];
  const int64_t last = cycle + rows - 1;
  if (!drained_once_) traffic_ = {0, cycle, last};
  drained_once_ = true;
  traffic_.last_cycle =
      std::max(traffic_.last_cycle, last);  // Finish() does not wait for the last drain
  traffic_.words += words;
  free_ += words;
  drained_ = end;
  return last;
}

DramTraffic WriteBuffer::Finish(int64_t cycle) {
  CloseLine();
  while (drained_ < lines_.size()) cycle = Drain(cycle) + 1;
  return traffic_;
}

}  // namespace strata::chips::systolic
