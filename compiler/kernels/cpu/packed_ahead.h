// Lines that a tile asks memory for while it works: a share of them with each of its chunks.
//
//   PackedAhead ahead(tile, chunks);
//   for (each chunk) { ahead.Prefetch(); ... }
//
// They go to the L2 cache: the L1 has too few misses in flight to keep memory busy.
#ifndef STRATA_COMPILER_KERNELS_CPU_PACKED_AHEAD_H_
#define STRATA_COMPILER_KERNELS_CPU_PACKED_AHEAD_H_

#include <cstdint>

#include "compiler/kernels/cpu/packed_kernel.h"

namespace strata::compiler {

class PackedAhead {
 public:
  __attribute__((always_inline)) PackedAhead(const PackedTile& tile, int64_t chunks)
      : next_(tile.ahead),
        end_(tile.ahead + 64 * tile.ahead_lines),
        share_(chunks == 0 ? 0 : (tile.ahead_lines + chunks - 1) / chunks * 64) {}

  __attribute__((always_inline)) void Prefetch() {
    const uint8_t* stop = end_ - next_ < share_ ? end_ : next_ + share_;
    for (; next_ < stop; next_ += 64) __builtin_prefetch(next_, /*write=*/0, /*locality=*/2);
  }

 private:
  const uint8_t* next_;
  const uint8_t* end_;
  int64_t share_;  // bytes a chunk
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_KERNELS_CPU_PACKED_AHEAD_H_
