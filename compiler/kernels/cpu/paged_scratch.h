// Memory of the calling thread for one piece of work of paged attention: it grows, and is used again by the next.
//
//   PagedScratch scratch(FloatsOf...);
//   float* s = scratch.Take(64 * 64);      // on a cache line
#ifndef STRATA_COMPILER_KERNELS_CPU_PAGED_SCRATCH_H_
#define STRATA_COMPILER_KERNELS_CPU_PAGED_SCRATCH_H_

#include <cstdint>
#include <initializer_list>
#include <vector>

namespace strata::compiler {

class PagedScratch {
 public:
  // Room for Take() of each of these numbers of floats.
  explicit PagedScratch(std::initializer_list<int64_t> parts) {
    int64_t floats = kLine;
    for (int64_t part : parts) floats += RoundUp(part);
    thread_local std::vector<float> memory;
    if (memory.size() < static_cast<size_t>(floats)) memory.resize(static_cast<size_t>(floats));
    next_ = reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(memory.data()) + 63) / 64 * 64);
  }

  float* Take(int64_t floats) {
    float* const part = next_;
    next_ += RoundUp(floats);
    return part;
  }

 private:
  static constexpr int64_t kLine = 16;
  static int64_t RoundUp(int64_t floats) { return (floats + kLine - 1) / kLine * kLine; }

  float* next_;
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_KERNELS_CPU_PAGED_SCRATCH_H_
