// Random: a small generator with a fixed sequence for each seed, the same on every machine and library.
// (SplitMix64; Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014.)
#ifndef STRATA_COMPILER_TUNE_RANDOM_H_
#define STRATA_COMPILER_TUNE_RANDOM_H_

#include <cstdint>

namespace strata::compiler::tune {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  // In [0, n); n >= 1. The bias of the remainder is below n / 2^64.
  int64_t Below(int64_t n) { return static_cast<int64_t>(Next() % static_cast<uint64_t>(n)); }
  // In [0, 1).
  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

 private:
  uint64_t state_;
};

}  // namespace strata::compiler::tune

#endif  // STRATA_COMPILER_TUNE_RANDOM_H_
