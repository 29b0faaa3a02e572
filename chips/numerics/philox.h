// Philox4x32-10, a counter-based generator: a random number is a function of (key, counter), so that any
// thread can make the i-th one without the ones before it, and a run can be repeated bit for bit.
// Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
//
//   const RandomBits bits(/*seed=*/42, /*stream=*/step);
//   Encode(Format::kBf16, x[i], {.rounding = Rounding::kStochastic, .random = bits.At(i)});
#ifndef STRATA_CHIPS_NUMERICS_PHILOX_H_
#define STRATA_CHIPS_NUMERICS_PHILOX_H_

#include <array>
#include <cstdint>

#include "absl/types/span.h"

namespace strata::chips {

// The block function: 128 random bits of a 64-bit key and a 128-bit counter, least word first.
std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 2> key, std::array<uint32_t, 4> counter);

// A stream of 32-bit words by index: the seed is the key, the stream the upper half of the counter.
// Immutable, thread-safe.
class RandomBits {
 public:
  explicit RandomBits(uint64_t seed, uint64_t stream = 0) : seed_(seed), stream_(stream) {}

  // Four consecutive words share a block; At(4 * b + i) is word i of block b.
  uint32_t At(uint64_t index) const { return Block(index / 4)[index % 4]; }
  std::array<uint32_t, 4> Block(uint64_t block) const;
  // words[i] = At(first + i); sixteen blocks at once where the machine has AVX-512.
  void Fill(uint64_t first, absl::Span<uint32_t> words) const;

 private:
  uint64_t seed_;
  uint64_t stream_;
};

}  // namespace strata::chips

#endif  // STRATA_CHIPS_NUMERICS_PHILOX_H_
