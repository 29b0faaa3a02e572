// Powers of two around a number of ranks. All arguments are at least 1.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_POWERS_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_POWERS_H_

#include <bit>

namespace strata::distributed {

inline int CeilPower(int n) { return static_cast<int>(std::bit_ceil(static_cast<unsigned>(n))); }
inline int FloorPower(int n) { return static_cast<int>(std::bit_floor(static_cast<unsigned>(n))); }
inline int CeilLog(int n) { return std::bit_width(static_cast<unsigned>(n - 1)); }
inline int FloorLog(int n) { return std::bit_width(static_cast<unsigned>(n)) - 1; }

// The lowest set bit; `top` for 0.
inline int LowBit(int v, int top) { return v == 0 ? top : v & -v; }

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_POWERS_H_
