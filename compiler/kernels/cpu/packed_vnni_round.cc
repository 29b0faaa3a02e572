#include "compiler/kernels/cpu/packed_vnni_round.h"

#include <cstring>
#include <limits>

#include "chips/numerics/q8_row.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace strata::compiler {

#if defined(__x86_64__)

namespace {

using chips::PackedForm;
using chips::PackedLayout;

#pragma GCC push_options
#pragma GCC target( \
    "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c,prefer-vector-width=512")

#define STRATA_INLINE_512 static inline __attribute__((always_inline))

// x in int8, as chips::RoundRowQ8() says, for blocks taken a few at a time in four sweeps: the largest magnitudes; the
// scales, 16 at once; the codes; the codes' sums, of all rows at once where there are four or more (else with the codes).
constexpr int64_t kSweep = 128;  // blocks of all rows together

// The largest magnitude of 32 floats. Compared as integers, so that infinities and NaN are the largest.
STRATA_INLINE_512 uint32_t LargestBits(const float* x) {
  const __m512i bits = _mm512_set1_epi32(0x7fffffff);
  const __m512i a = _mm512_and_si512(_mm512_loadu_si512(x), bits);
  const __m512i b = _mm512_and_si512(_mm512_loadu_si512(x + 16), bits);
  return _mm512_reduce_max_epu32(_mm512_max_epu32(a, b));
}

// 16 scales, and what x is multiplied by: 0 where there is no number to round.
STRATA_INLINE_512 void ScaleLanes(const uint32_t* largest_bits, float* scales, float* inverses) {
  const __m512 largest = _mm512_load_ps(largest_bits);
  const __mmask16 tiny =
      _mm512_cmp_ps_mask(largest, _mm512_set1_ps(chips::kQ8Smallest), _CMP_LT_OQ);
  const __mmask16 finite = _mm512_cmp_ps_mask(
      largest, _mm512_set1_ps(std::numeric_limits<float>::infinity()), _CMP_LT_OQ);
  const __m512 number = _mm512_set1_ps(127.0f);
  const __m512 scale = _mm512_mask_div_ps(_mm512_set1_ps(std::numeric_limits<float>::quiet_NaN()),
                                          finite, largest, number);
  _mm512_store_ps(scales, _mm512_mask_mov_ps(scale, tiny, _mm512_setzero_ps()));
  _mm512_store_ps(inverses,
                  _mm512_maskz_div_ps(static_cast<__mmask16>(finite & ~tiny), number, largest));
}

// 32 codes. Where the inverse is 0 for what is not finite, 0 times it is NaN, whose integer's low byte is 0.
STRATA_INLINE_512 __m256i CodesOf(const float* x, float inverse) {
  const __m512 times = _mm512_set1_ps(inverse);
  const __m512i a = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x), times));
  const __m512i b = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x + 16), times));
  return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm512_cvtepi32_epi8(a)),
                                 _mm512_cvtepi32_epi8(b), 1);
}

STRATA_INLINE_512 void PutFour(const __m256i (&rows)[4], int64_t T, uint8_t* out) {
  const __m256i ab_low = _mm256_unpacklo_epi32(rows[0], rows[1]);
  const __m256i ab_high = _mm256_unpackhi_epi32(rows[0], rows[1]);
  const __m256i cd_low = _mm256_unpacklo_epi32(rows[2], rows[3]);
  const __m256i cd_high = _mm256_unpackhi_epi32(rows[2], rows[3]);
  const __m256i quads[4] = {
      _mm256_unpacklo_epi64(ab_low, cd_low), _mm256_unpackhi_epi64(ab_low, cd_low),
      _mm256_unpacklo_epi64(ab_high, cd_high), _mm256_unpackhi_epi64(ab_high, cd_high)};
#pragma GCC unroll 4
  for (int64_t j = 0; j < 4; ++j) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 4 * j * T), _mm256_castsi256_si128(quads[j]));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 4 * (j + 4) * T),
                     _mm256_extracti128_si256(quads[j], 1));
  }
}

// Sums of the codes of one row of a block: of its first and its other half.
struct HalfSums {
  int32_t low, high;
};
STRATA_INLINE_512 int32_t SumOfFour(__m128i v) {
  v = _mm_add_epi32(v, _mm_shuffle_epi32(v, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(v, _mm_shuffle_epi32(v, 0xb1)));
}
STRATA_INLINE_512 HalfSums SumsOf(__m256i codes) {
  const __m256i sums = _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_set1_epi8(1), codes);
  return {SumOfFour(_mm256_castsi256_si128(sums)), SumOfFour(_mm256_extracti128_si256(sums, 1))};
}

template <bool kMin, bool kSix>
STRATA_INLINE_512 void PutSum(const HalfSums& sums, int offset, int64_t T, uint8_t* extra) {
  if constexpr (kSix) {
    const int32_t low = -offset * sums.low, high = -offset * sums.high;
    std::memcpy(extra, &low, 4);
    std::memcpy(extra + 4 * T, &high, 4);
  } else if constexpr (kMin) {
    const float sum = static_cast<float>(sums.low + sums.high);
    std::memcpy(extra, &sum, 4);
  } else {
    const int32_t start = -offset * (sums.low + sums.high);
    std::memcpy(extra, &start, 4);
  }
}

// The codes of a block, and the sums of fewer than four rows: from registers, as what was just stored by the word is slow to
// read.
template <bool kMin, bool kSix>
STRATA_INLINE_512 void PutCodes(int offset, const float* const* x, int64_t k, const float* inverse,
                                int64_t T, uint8_t* block) {
  int64_t t = 0;
  for (; t + 4 <= T; t += 4) {
    __m256i rows[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) rows[i] = CodesOf(x[t + i] + k, inverse[t + i]);
    PutFour(rows, T, block + 4 * t);
  }
  for (; t < T; ++t) {
    const __m256i codes = CodesOf(x[t] + k, inverse[t]);
    alignas(32) int32_t quads[8];
    _mm256_store_si256(reinterpret_cast<__m256i*>(quads), codes);
    for (int64_t j = 0; j < 8; ++j) std::memcpy(block + 4 * (j * T + t), &quads[j], 4);
    if (T < 4) PutSum<kMin, kSix>(SumsOf(codes), offset, T, block + 36 * T + 4 * t);
  }
}

// The same for all rows, a lane each.
template <bool kMin, bool kSix>
STRATA_INLINE_512 void PutAllSums(int offset, int64_t T, uint8_t* block) {
  const __mmask16 rows = static_cast<__mmask16>((1u << T) - 1);
  const __m512i ones = _mm512_set1_epi8(1);
  __m512i halves[2] = {};
#pragma GCC unroll 8
  for (int64_t j = 0; j < 8; ++j) {
    halves[j / 4] =
        _mm512_dpbusd_epi32(halves[j / 4], ones, _mm512_maskz_loadu_epi32(rows, block + 4 * j * T));
  }
  uint8_t* extra = block + 36 * T;
  const __m512i times = _mm512_set1_epi32(-offset);
  const __m512i sum = _mm512_add_epi32(halves[0], halves[1]);
  if constexpr (kSix) {
    _mm512_mask_storeu_epi32(extra, rows, _mm512_mullo_epi32(halves[0], times));
    _mm512_mask_storeu_epi32(extra + 4 * T, rows, _mm512_mullo_epi32(halves[1], times));
  } else if constexpr (kMin) {
    _mm512_mask_storeu_ps(extra, rows, _mm512_cvtepi32_ps(sum));
  } else {
    _mm512_mask_storeu_epi32(extra, rows, _mm512_mullo_epi32(sum, times));
  }
}

// Blocks [first, first + blocks) of all rows.
template <bool kMin, bool kSix>
STRATA_INLINE_512 void RoundBlocks(int offset, const float* const* x, int64_t T, int64_t first,
                                   int64_t blocks, uint8_t* panel) {
  constexpr int64_t kBytes = kSix ? 44 : 40;
  alignas(64) uint32_t largest[kSweep];
  alignas(64) float scales[kSweep], inverses[kSweep];
  for (int64_t b = 0; b < blocks; ++b) {
    for (int64_t t = 0; t < T; ++t) largest[b * T + t] = LargestBits(x[t] + 32 * (first + b));
  }
  const int64_t count = blocks * T;
  for (int64_t i = count; i % 16 != 0; ++i) largest[i] = 0;
  for (int64_t i = 0; i < count; i += 16) ScaleLanes(largest + i, scales + i, inverses + i);
  for (int64_t b = 0; b < blocks; ++b) {
    uint8_t* block = panel + b * T * kBytes;
    PutCodes<kMin, kSix>(offset, x, 32 * (first + b), inverses + b * T, T, block);
    for (int64_t t = 0; t < T; ++t) std::memcpy(block + 32 * T + 4 * t, &scales[b * T + t], 4);
  }
  for (int64_t b = 0; b < blocks && T >= 4; ++b)
    PutAllSums<kMin, kSix>(offset, T, panel + b * T * kBytes);
}

template <bool kMin, bool kSix>
void Round(const PackedLayout& layout, int64_t K, const float* const* x, int count,
           uint8_t* panel) {
  const int64_t together = count == 1 ? 16 : 8;
  for (int64_t first = 0; first < K / 32; first += together) {
    const int64_t blocks = K / 32 - first < together ? K / 32 - first : together;
    RoundBlocks<kMin, kSix>(layout.offset, x, count, first, blocks,
                            panel + first * count * (kSix ? 44 : 40));
  }
}

#pragma GCC pop_options

}  // namespace

decltype(PackedKernel::round) VnniRound(PackedForm form) {
  if (form == PackedForm::kSuperSix) return Round<false, true>;
  return HasMin(form) ? Round<true, false> : Round<false, false>;
}

#else

decltype(PackedKernel::round) VnniRound(chips::PackedForm) { return PlainPackedKernel().round; }

#endif

}  // namespace strata::compiler
