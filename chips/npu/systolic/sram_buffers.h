// The double-buffered scratchpads of SCALE-Sim v3 between the array and DRAM, cycle for cycle, with the rules
// it has and the quirks: two for operands, one for results.
//
//   EstimatedReadBuffer  "CALC": never stalls the array; tells the bandwidth it would take. The words that
//                        are new to the buffer are put into sets of 1/100 of its size; half of the sets
//                        are active, and each further half is prefetched while the one before is used. The
//                        first is fetched at 10 words a cycle before the array starts.
//   PrefetchedReadBuffer "USER": fetches a given list of words at a given bandwidth, half a buffer at a time,
//                        round and round. A word that is not in the active half waits for the next one.
//   WriteBuffer          results gather in the buffer and leave, half a buffer at a time, at the bandwidth;
//                        only a full buffer stalls.
//
// Quirks kept, because cycles depend on them: USER adds the wait for a half to the line's delay twice when
// it is positive and once when it is negative; a prefetch takes one cycle more than its words need; a line of
// results that is written out before it is full counts as full unless it is the last of its batch.
//
// Source: github.com/scalesim-project/SCALE-Sim (v3): double buffered scratchpad memory.
#ifndef STRATA_CHIPS_NPU_SYSTOLIC_SRAM_BUFFERS_H_
#define STRATA_CHIPS_NPU_SYSTOLIC_SRAM_BUFFERS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace strata::chips::systolic {

// Words between a scratchpad and DRAM, and the first and last cycle of it; before 0 is before the array runs.
struct DramTraffic {
  int64_t words = 0;
  int64_t first_cycle = 0;
  int64_t last_cycle = 0;

  double WordsPerCycle() const {
    return static_cast<double>(words) / static_cast<double>(last_cycle - first_cycle + 1);
  }
};

class EstimatedReadBuffer {
 public:
  // `size` of the buffer in words, >= 100; addresses are below `words`.
  EstimatedReadBuffer(int64_t size, int64_t words);

  void Read(int64_t cycle, int64_t address);
  DramTraffic Finish();

 private:
  static constexpr int64_t kHalf = 50;  // sets

  bool Holds(int64_t set) const;
  void CloseSet(int64_t cycle);
  void Fetch(int64_t first_set, int64_t end_set, int64_t from, int64_t to);

  const int64_t set_size_;
  std::vector<int32_t> set_of_;  // [words], -1: never read
  std::vector<int64_t> set_sizes_;
  int64_t in_current_ = 0;                 // words of the set being filled
  int64_t active_begin_ = 0;               // the active sets: from here, 2 * kHalf at most
  int64_t fetch_begin_ = 0;                // sets fetched so far
  int64_t fetch_from_ = 0, fetch_to_ = 0;  // cycles of the next prefetch
  bool seen_ = false, fetched_ = false;
  int64_t first_read_ = 0;
  DramTraffic traffic_;
};

class PrefetchedReadBuffer {
 public:
  // Fetches `list` (-1: nothing), `bandwidth` words a cycle; addresses are below `words`.
  PrefetchedReadBuffer(int64_t size, int64_t bandwidth, const std::vector<int32_t>& list,
                       int64_t words);

  // Starts a line of words asked for in `cycle`; then each word; then the cycles that the line waited.
  void BeginLine(int64_t cycle);
  void Read(int64_t address) {
    while (!Holds(address)) FetchNext();
  }
  int64_t EndLine() const { return delay_; }

  DramTraffic Finish() const { return traffic_; }

 private:
  bool Holds(int64_t address) const;
  void FetchNext();

  const int64_t bandwidth_;
  const int64_t half_rows_;  // cycles that half a buffer takes
  int64_t list_rows_;
  std::vector<int32_t> lines_of_;    // lines of each address, one address after another
  std::vector<int32_t> line_begin_;  // [words + 1] where each address's lines begin
  int32_t lines_ = 0, active_lines_ = 0, fetch_lines_ = 0;
  int32_t active_begin_ = 0, active_end_ = 0;  // a range round and round
  bool started_ = false;
  int64_t fetched_at_ = 0;         // cycle in which the last half was complete
  int64_t cycle_ = 0, delay_ = 0;  // of the line
  DramTraffic traffic_;
};

class WriteBuffer {
 public:
  WriteBuffer(int64_t size, int64_t bandwidth);

  // The cycle in which `words` results of `cycle` are in the buffer.
  int64_t Write(int64_t cycle, int64_t words);
  // Empties the buffer from `cycle` on.
  DramTraffic Finish(int64_t cycle);

 private:
  int64_t Drain(int64_t cycle);
  void CloseLine();

  const int64_t active_size_, bandwidth_, half_rows_;
  int64_t free_;
  int64_t in_line_ = 0;         // words of the line being filled
  std::vector<int32_t> lines_;  // words of each
  size_t drained_ = 0;
  int64_t drain_end_ = 0;
  bool drained_once_ = false;
  DramTraffic traffic_;
};

}  // namespace strata::chips::systolic

#endif  // STRATA_CHIPS_NPU_SYSTOLIC_SRAM_BUFFERS_H_
