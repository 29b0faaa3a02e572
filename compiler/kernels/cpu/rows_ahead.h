// Rows of tensors that are packed or written soon, asked of memory a few lines at a time between pieces of work.
//
//   RowsAhead ahead;
//   ahead.Add(k + next, stride, 64, D);
//   ahead.Spread(pieces);
//   for (each piece) { ahead.Step(); ... }
//
// Rows that lie apart are found by no hardware prefetcher. A few lines at a time, as more than the core's misses in flight
// would stall the work; to the first cache, where the few rows of a step have room: hints for the second alone were seen to
// do nothing here (Zen 4).
#ifndef STRATA_COMPILER_KERNELS_CPU_ROWS_AHEAD_H_
#define STRATA_COMPILER_KERNELS_CPU_ROWS_AHEAD_H_

#include <cstdint>

namespace strata::compiler {

class RowsAhead {
 public:
  // Rows of x, `stride` floats apart, `width` floats of each. At most 8 ranges; more are not asked for.
  void Add(const float* x, int64_t stride, int64_t rows, int64_t width) {
    if (rows <= 0 || width <= 0 || ranges_ == kMost) return;
    range_[ranges_++] = {x, stride, rows, width};
    rows_ += rows;
  }

  // All of them in at most `steps` steps.
  void Spread(int64_t steps) { share_ = steps > 0 ? (rows_ + steps - 1) / steps : 0; }

  // A whole row, or more: steps do the same until nothing is left, as each misprediction would cost as much as a row.
  __attribute__((always_inline)) void Step() {
    if (at_ == ranges_) return;
    for (int64_t n = 0; n < share_ && at_ < ranges_; ++n) {
      Range& range = range_[at_];
      for (int64_t i = 0; i < range.width; i += kLine) __builtin_prefetch(range.row + i);
      range.row += range.stride;
      if (--range.rows == 0) ++at_;
    }
  }

 private:
  static constexpr int64_t kLine = 16, kMost = 8;
  struct Range {
    const float* row;
    int64_t stride, rows, width;
  };
  Range range_[kMost];
  int64_t ranges_ = 0, at_ = 0, rows_ = 0, share_ = 0;
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_KERNELS_CPU_ROWS_AHEAD_H_
