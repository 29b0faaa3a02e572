#include "compiler/npu/scratchpad.h"

#include <algorithm>

namespace strata::compiler {

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t RoundUp(int64_t value, int64_t multiple) { return CeilDiv(value, multiple) * multiple; }

Scratchpad::Scratchpad(const chips::npu::MemorySpec& memory)
    : bytes_(memory.bytes),
      bank_(std::max<int64_t>(memory.bytes / memory.banks, 1)),
      alignment_(memory.alignment) {}

Places Scratchpad::Allocate(int64_t bytes, int64_t places, bool own_banks) {
  Places result;
  result.count = places;
  result.pitch = RoundUp(bytes, alignment_);
  if (own_banks) {
    at_ = RoundUp(at_, bank_);
    if (places == 2 || 2 * result.pitch > bank_) result.pitch = RoundUp(result.pitch, bank_);
  }
  result.begin = at_;
  at_ += result.pitch * places;
  return result;
}

}  // namespace strata::compiler
