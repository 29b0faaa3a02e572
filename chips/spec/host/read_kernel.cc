#include "chips/spec/host/read_kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// The loads are the measurement: sanitizers must not add to them.
#define STRATA_UNINSTRUMENTED __attribute__((no_sanitize("address", "thread", "undefined")))

namespace strata::chips {
namespace {

using ReadFunction = uint64_t (*)(const void*, size_t);

STRATA_UNINSTRUMENTED uint64_t ReadPortable(const void* data, size_t bytes) {
  typedef uint64_t Vector __attribute__((vector_size(16)));
  constexpr int kChains = 8;
  const Vector* next = static_cast<const Vector*>(data);
  const Vector* const end = next + bytes / sizeof(Vector);
  Vector sums[kChains] = {};
  for (; next != end; next += kChains) {
#pragma GCC unroll 8
    for (int c = 0; c < kChains; ++c) sums[c] ^= next[c];
  }
  for (int c = 1; c < kChains; ++c) sums[0] ^= sums[c];
  return sums[0][0] ^ sums[0][1];
}

#if defined(__x86_64__)

__attribute__((target("avx2"))) STRATA_UNINSTRUMENTED uint64_t ReadAvx2(const void* data,
                                                                        size_t bytes) {
  constexpr int kChains = 8;
  const __m256i* next = static_cast<const __m256i*>(data);
  const __m256i* const end = next + bytes / sizeof(__m256i);
  __m256i sums[kChains];
  for (__m256i& chain : sums) chain = _mm256_setzero_si256();
  for (; next != end; next += kChains) {
#pragma GCC unroll 8
    for (int c = 0; c < kChains; ++c) sums[c] = _mm256_xor_si256(sums[c], next[c]);
  }
  for (int c = 1; c < kChains; ++c) sums[0] = _mm256_xor_si256(sums[0], sums[c]);
  uint64_t sum = 0;
  for (int lane = 0; lane < 4; ++lane) sum ^= static_cast<uint64_t>(sums[0][lane]);
  return sum;
}

__attribute__((target("avx512f"))) STRATA_UNINSTRUMENTED uint64_t ReadAvx512(const void* data,
                                                                             size_t bytes) {
  constexpr int kChains = 8;
  const __m512i* next = static_cast<const __m512i*>(data);
  const __m512i* const end = next + bytes / sizeof(__m512i);
  __m512i sums[kChains];
  for (__m512i& chain : sums) chain = _mm512_setzero_si512();
  for (; next != end; next += kChains) {
#pragma GCC unroll 8
    for (int c = 0; c < kChains; ++c) sums[c] = _mm512_xor_si512(sums[c], next[c]);
  }
  for (int c = 1; c < kChains; ++c) sums[0] = _mm512_xor_si512(sums[0], sums[c]);
  uint64_t sum = 0;
  for (int lane = 0; lane < 8; ++lane) sum ^= static_cast<uint64_t>(sums[0][lane]);
  return sum;
}

#endif  // defined(__x86_64__)

ReadFunction BestRead() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return ReadAvx512;
  if (__builtin_cpu_supports("avx2")) return ReadAvx2;
#endif
  return ReadPortable;
}

}  // namespace

uint64_t ReadAll(const void* data, size_t bytes) {
  static const ReadFunction kRead = BestRead();
  return kRead(data, bytes);
}

}  // namespace strata::chips
