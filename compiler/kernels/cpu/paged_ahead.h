// Lines of keys and values asked of memory before they are met, a few at a time between pieces of work.
//
//   PagedAhead ahead;
//   ahead.Add(block.v, begin, end, offset, bytes);       // of each row, in the rows' order
//   ahead.Add(next.k, next_begin, next_end, offset, bytes);
//   for (each piece) { ahead.Ask<8>(); ... }
//   ahead.AskRest();
//
// As RowsAhead, for rows that lie at places of their own (pages). To the second cache, where a block of keys and values has
// room: with cold keys hints to the first, which it would overflow, took 242 to 276 us in place of 171 to 190 (Zen 4, 1024
// keys of 12 heads, //compiler/bench:paged_attention -- --cold). A few at a time: more than the core's misses in flight
// would stall the work between.
#ifndef STRATA_COMPILER_KERNELS_CPU_PAGED_AHEAD_H_
#define STRATA_COMPILER_KERNELS_CPU_PAGED_AHEAD_H_

#include <cstdint>

#include "compiler/kernels/cpu/simd.h"

namespace strata::compiler {

class PagedAhead {
 public:
  // Rows [begin, end): `bytes` of each from `offset` on. `rows` must live as long as lines are asked for. At most two
  // calls; more are not asked for.
  void Add(const char* const* rows, int64_t begin, int64_t end, int64_t offset, int64_t bytes) {
    if (begin >= end || bytes <= 0) return;
    Range& range = now_.row == now_.end ? now_ : later_;
    if (range.row == range.end) range = {rows + begin, rows + end, offset, bytes};
  }

  template <int kLines>
  STRATA_INLINE_BODY void Ask() {
    for (int i = 0; i < kLines; ++i) {
      if (line_ >= last_ && !NextRow()) return;
      __builtin_prefetch(line_, /*rw=*/0, /*locality=*/2);
      line_ += 64;
    }
  }
  void AskRest() {
    while (line_ < last_ || now_.row != now_.end || later_.row != later_.end) Ask<1>();
  }

 private:
  struct Range {
    const char *const *row = nullptr, *const *end = nullptr;
    int64_t offset = 0, bytes = 0;
  };

  STRATA_INLINE_BODY bool NextRow() {
    if (now_.row == now_.end) {
      if (later_.row == later_.end) return false;
      now_ = later_;
      later_ = {};
    }
    line_ = *now_.row++ + now_.offset;
    last_ = line_ + now_.bytes;
    return true;
  }

  Range now_, later_;
  const char *line_ = nullptr, *last_ = nullptr;  // of the row before now_.row
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_KERNELS_CPU_PAGED_AHEAD_H_
