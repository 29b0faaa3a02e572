// Scratchpad: deals out a memory of the machine, bank by bank where there are enough.
//
//   Scratchpad l1(core.memories()[kL1]);
//   const Places a = l1.Allocate(/*bytes=*/4096, /*places=*/2, /*own_banks=*/true);
//   a.address(1);
//
// A bank serves one unit at a time, so tiles that one unit fills while another reads their neighbours
// had better lie in banks of their own.
#ifndef STRATA_COMPILER_NPU_SCRATCHPAD_H_
#define STRATA_COMPILER_NPU_SCRATCHPAD_H_

#include <cstdint>

#include "chips/npu/sim/core.h"

namespace strata::compiler {

// Equal places of `pitch` bytes.
struct Places {
  int64_t begin = 0;
  int64_t pitch = 0;
  int64_t count = 0;

  int64_t address(int64_t place) const { return begin + pitch * place; }
};

class Scratchpad {
 public:
  explicit Scratchpad(const chips::npu::MemorySpec& memory);

  // `places` places of at least `bytes`, aligned. With `own_banks` they begin at a bank that nothing
  // before has touched, and two places, or places that fill more than half a bank, have whole banks. Without room,
  // `fits()` is false from now on.
  Places Allocate(int64_t bytes, int64_t places, bool own_banks);

  bool fits() const { return at_ <= bytes_; }
  int64_t left() const { return bytes_ - at_; }

 private:
  int64_t bytes_, bank_, alignment_;
  int64_t at_ = 0;
};

int64_t RoundUp(int64_t value, int64_t multiple);
int64_t CeilDiv(int64_t a, int64_t b);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_SCRATCHPAD_H_
