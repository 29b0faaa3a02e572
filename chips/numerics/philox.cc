#include "chips/numerics/philox.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace strata::chips {
namespace {

uint32_t Low(uint64_t x) { return static_cast<uint32_t>(x); }
uint32_t High(uint64_t x) { return static_cast<uint32_t>(x >> 32); }

constexpr uint64_t kMultiplier0 = 0xd2511f53, kMultiplier1 = 0xcd9e8d57;
constexpr uint32_t kWeyl0 = 0x9e3779b9, kWeyl1 = 0xbb67ae85;
constexpr int kRounds = 10;
constexpr size_t kWordsAtOnce = 64;

#if defined(__x86_64__)

#define STRATA_AVX512 __attribute__((target("avx512f")))

STRATA_AVX512 inline __m512i Word(uint32_t x) { return _mm512_set1_epi32(static_cast<int>(x)); }

// The two halves of sixteen products of 32 bits by 32.
STRATA_AVX512 inline void Multiply(__m512i x, uint64_t by, __m512i* high, __m512i* low) {
  const __m512i factor = _mm512_set1_epi64(static_cast<int64_t>(by));
  const __m512i even = _mm512_mul_epu32(x, factor);
  const __m512i odd = _mm512_mul_epu32(_mm512_srli_epi64(x, 32), factor);
  *low = _mm512_mask_mov_epi32(even, 0xaaaa, _mm512_slli_epi64(odd, 32));
  *high = _mm512_mask_mov_epi32(_mm512_srli_epi64(even, 32), 0xaaaa, odd);
}

// Sixteen blocks from `block` on; its low word does not run over. A lane's block is chosen such that the
// transposition at the end, four by four within 128 bits, leaves the words in order.
STRATA_AVX512 void SixteenBlocks(uint64_t seed, uint64_t stream, uint64_t block, uint32_t* words) {
  const __m512i offsets = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  __m512i c0 = _mm512_add_epi32(Word(Low(block)), offsets), c1 = Word(High(block));
  __m512i c2 = Word(Low(stream)), c3 = Word(High(stream));
  uint32_t key0 = Low(seed), key1 = High(seed);
  for (int round = 0; round < kRounds; ++round) {
    __m512i high0, low0, high1, low1;
    Multiply(c0, kMultiplier0, &high0, &low0);
    Multiply(c2, kMultiplier1, &high1, &low1);
    c0 = _mm512_xor_si512(_mm512_xor_si512(high1, c1), Word(key0));
    c2 = _mm512_xor_si512(_mm512_xor_si512(high0, c3), Word(key1));
    c1 = low1;
    c3 = low0;
    key0 += kWeyl0;
    key1 += kWeyl1;
  }
  const __m512i low01 = _mm512_unpacklo_epi32(c0, c1), high01 = _mm512_unpackhi_epi32(c0, c1);
  const __m512i low23 = _mm512_unpacklo_epi32(c2, c3), high23 = _mm512_unpackhi_epi32(c2, c3);
  _mm512_storeu_si512(words, _mm512_unpacklo_epi64(low01, low23));
  _mm512_storeu_si512(words + 16, _mm512_unpackhi_epi64(low01, low23));
  _mm512_storeu_si512(words + 32, _mm512_unpacklo_epi64(high01, high23));
  _mm512_storeu_si512(words + 48, _mm512_unpackhi_epi64(high01, high23));
}

bool HasSixteenBlocks() {
  static const bool has = __builtin_cpu_supports("avx512f") != 0;
  return has;
}

#else

void SixteenBlocks(uint64_t, uint64_t, uint64_t, uint32_t*) {}
bool HasSixteenBlocks() { return false; }

#endif  // defined(__x86_64__)

}  // namespace

std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 2> key, std::array<uint32_t, 4> counter) {
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t product0 = kMultiplier0 * counter[0];
    const uint64_t product1 = kMultiplier1 * counter[2];
    counter = {High(product1) ^ counter[1] ^ key[0], Low(product1),
               High(product0) ^ counter[3] ^ key[1], Low(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

std::array<uint32_t, 4> RandomBits::Block(uint64_t block) const {
  return Philox4x32({Low(seed_), High(seed_)},
                    {Low(block), High(block), Low(stream_), High(stream_)});
}

void RandomBits::Fill(uint64_t first, absl::Span<uint32_t> words) const {
  size_t i = 0;
  while (i < words.size()) {
    const uint64_t index = first + i;
    const bool whole = index % 4 == 0 && words.size() - i >= kWordsAtOnce &&
                       Low(index / 4) <= 0xffffffffu - kWordsAtOnce / 4;
    if (whole && HasSixteenBlocks()) {
      SixteenBlocks(seed_, stream_, index / 4, &words[i]);
      i += kWordsAtOnce;
      continue;
    }
    const std::array<uint32_t, 4> block = Block(index / 4);
    for (size_t w = index % 4; w < 4 && i < words.size(); ++w) words[i++] = block[w];
  }
}

}  // namespace strata::chips
