#include "chips/numerics/block_kernels.h"

#include <algorithm>
#include <bit>
#include <cmath>

#if defined(__x86_64__)
#include "chips/numerics/convert_vectors.h"
#endif

namespace strata::chips {

#if defined(__x86_64__)

namespace {

STRATA_AVX512 inline __mmask16 Part(size_t left) { return left < 16 ? Tail(left) : 0xffff; }

// The low bytes; a store of all sixteen is plain, not masked.
STRATA_AVX512 inline void StoreCodes(uint8_t* codes, __mmask16 part, __m512i code) {
  if (part == 0xffff) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(codes), _mm512_cvtepi32_epi8(code));
  } else {
    _mm512_mask_cvtepi32_storeu_epi8(codes, part, code);
  }
}

STRATA_AVX512 inline __m512i RoundInteger(__m512 x) {
  return _mm512_cvt_roundps_epi32(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

// 2^(127 - scale): what divides by a power of two. 0 for a scale that is NaN.
STRATA_AVX512 inline __m512 InverseScale(uint8_t scale) {
  if (scale == 255) return _mm512_setzero_ps();
  // 2^-127 is a subnormal number.
  const uint32_t bits = scale == 254 ? 0x00400000u : static_cast<uint32_t>(254 - scale) << 23;
  return _mm512_castsi512_ps(Word(bits));
}

// x times the inverse; all zeros, without signs, under a scale that is NaN.
STRATA_AVX512 inline __m512 Divided(__m512 x, uint8_t scale) {
  return scale == 255 ? _mm512_setzero_ps() : _mm512_mul_ps(x, InverseScale(scale));
}

// E2M1's code changes where a magnitude passes these; a tie goes to the even code.
constexpr double kFp4Borders[8] = {0, 0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5};
constexpr bool kTieGoesUp[8] = {false, false, true, false, true, false, true, false};

// The borders times the factor, as the largest fp32 numbers that are below the border or, where a tie stays below, on
// it: a magnitude has passed a border when it is above that number. (A factor has 28 bits: the product is exact.)
STRATA_AVX512 inline __m512 Fp4Borders(double factor) {
  const __m512d exact = _mm512_mul_pd(_mm512_loadu_pd(kFp4Borders), _mm512_set1_pd(factor));
  const __m256 down = _mm512_cvt_roundpd_ps(exact, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  // Where a tie goes up and the border is a number of fp32 itself: the number before it.
  __mmask8 step = _mm512_cmp_pd_mask(_mm512_cvtps_pd(down), exact, _CMP_EQ_OQ);
  __mmask8 up = 0;
  for (int i = 0; i < 8; ++i) up = static_cast<__mmask8>(up | (kTieGoesUp[i] ? 1 << i : 0));
  step = static_cast<__mmask8>(step & up);
  const __m256i bits = _mm256_castps_si256(down);
  return _mm512_castps256_ps512(
      _mm256_castsi256_ps(_mm256_mask_sub_epi32(bits, step, bits, _mm256_set1_epi32(1))));
}

// How many of the seven borders each magnitude has passed, by halving.
STRATA_AVX512 inline __m512i Fp4Codes(__m512 x, __m512 borders) {
  const __m512i bits = _mm512_castps_si512(x);
  const __m512 magnitude = _mm512_castsi512_ps(_mm512_and_si512(bits, Word(0x7fffffff)));
  __m512i code = _mm512_setzero_si512();
  for (const uint32_t step : {4u, 2u, 1u}) {
    const __m512i next = _mm512_add_epi32(code, Word(step));
    const __mmask16 passed =
        _mm512_cmp_ps_mask(magnitude, _mm512_permutexvar_ps(next, borders), _CMP_GT_OQ);
    code = _mm512_mask_mov_epi32(code, passed, next);
  }
  return _mm512_or_si512(code, _mm512_slli_epi32(_mm512_srli_epi32(bits, 31), 3));
}

// Eight magnitudes over the factor, rounded to E2M1 by the words. Steps are 1/2 below 2, 1 below 4, then 2: `codes` says
// how many codes lie below the step's zero.
STRATA_AVX512 inline __m256i StochasticFp4Codes(__m512d magnitude, double factor, __m256i random) {
  const __m512d quotient = _mm512_div_pd(magnitude, _mm512_set1_pd(factor));
  const __mmask8 two = _mm512_cmp_pd_mask(quotient, _mm512_set1_pd(2), _CMP_GE_OQ);
  const __mmask8 four = _mm512_cmp_pd_mask(quotient, _mm512_set1_pd(4), _CMP_GE_OQ);
  __m512d per_step = _mm512_mask_mov_pd(_mm512_set1_pd(2), two, _mm512_set1_pd(1));
  per_step = _mm512_mask_mov_pd(per_step, four, _mm512_set1_pd(0.5));
  __m256i codes = _mm256_maskz_mov_epi32(two, _mm256_set1_epi32(2));
  codes = _mm256_mask_mov_epi32(codes, four, _mm256_set1_epi32(4));
  // Beyond the largest, 6, all are 6.
  const __m512d steps = _mm512_min_pd(_mm512_mul_pd(quotient, per_step), _mm512_set1_pd(4));
  const __m512d kept = _mm512_roundscale_pd(steps, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  const __m256i fraction =
      _mm512_cvttpd_epu32(_mm512_mul_pd(_mm512_sub_pd(steps, kept), _mm512_set1_pd(0x1p32)));
  const __mmask8 up = _mm256_cmplt_epu32_mask(_mm256_add_epi32(fraction, random), fraction);
  codes = _mm256_add_epi32(codes, _mm512_cvttpd_epi32(kept));
  codes = _mm256_mask_add_epi32(codes, up, codes, _mm256_set1_epi32(1));
  return _mm256_min_epu32(codes, _mm256_set1_epi32(7));
}

}  // namespace

STRATA_AVX512 void StochasticIntegerKernel(int bits, float low, float high, const float* values,
                                           const uint32_t* random, uint8_t* codes, size_t count) {
  const __m512i mask = Word((1u << bits) - 1), most = _mm512_set1_epi32(static_cast<int>(high));
  const __m512i least = _mm512_set1_epi32(static_cast<int>(low));
  for (size_t i = 0; i < count; i += 16) {
    const __mmask16 part = Part(count - i);
    const __m512 x = _mm512_maskz_loadu_ps(part, values + i);
    const __mmask16 number = _mm512_cmp_ps_mask(x, x, _CMP_ORD_Q);
    const __mmask16 negative = _mm512_movepi32_mask(_mm512_castps_si512(x));
    const __m512 magnitude = _mm512_min_ps(_mm512_abs_ps(x), _mm512_set1_ps(1024));
    const __m512 kept = _mm512_roundscale_ps(magnitude, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    const __m512i fraction =
        _mm512_cvttps_epu32(_mm512_mul_ps(_mm512_sub_ps(magnitude, kept), _mm512_set1_ps(0x1p32f)));
    const __m512i sum = _mm512_add_epi32(fraction, _mm512_maskz_loadu_epi32(part, random + i));
    __m512i code = _mm512_cvttps_epi32(kept);
    code = _mm512_mask_add_epi32(code, _mm512_cmplt_epu32_mask(sum, fraction), code, Word(1));
    code = _mm512_mask_sub_epi32(code, negative, _mm512_setzero_si512(), code);
    code = _mm512_max_epi32(_mm512_min_epi32(code, most), least);
    StoreCodes(codes + i, part, _mm512_maskz_and_epi32(number, code, mask));
  }
}

STRATA_AVX512 void StochasticFp4Kernel(const float* values, size_t count, const double* factors,
                                       const uint32_t* random, uint8_t* codes) {
  for (size_t i = 0; i < count; i += 16) {
    const __mmask16 part = Part(count - i);
    const double factor = factors[i / 16];
    __m512i code = _mm512_setzero_si512();
    if (factor > 0) {
      const __m512 x = _mm512_maskz_loadu_ps(part, values + i), magnitude = _mm512_abs_ps(x);
      const __m512i words = _mm512_maskz_loadu_epi32(part, random + i);
      const __m256i low = StochasticFp4Codes(_mm512_cvtps_pd(_mm512_castps512_ps256(magnitude)),
                                             factor, _mm512_castsi512_si256(words));
      const __m256i high = StochasticFp4Codes(_mm512_cvtps_pd(_mm512_extractf32x8_ps(magnitude, 1)),
                                              factor, _mm512_extracti32x8_epi32(words, 1));
      const __m512i sign = _mm512_slli_epi32(_mm512_srli_epi32(_mm512_castps_si512(x), 31), 3);
      code = _mm512_or_si512(_mm512_inserti32x8(_mm512_castsi256_si512(low), high, 1), sign);
    }
    StoreCodes(codes + i, part, code);
  }
}

STRATA_AVX512 void EncodeIntegerKernel(int bits, float low, float high, const float* values,
                                       uint8_t* codes, size_t count) {
  const __m512i mask = Word((1u << bits) - 1);
  for (size_t i = 0; i < count; i += 16) {
    const __mmask16 part = Part(count - i);
    const __m512 x = _mm512_maskz_loadu_ps(part, values + i);
    const __mmask16 number = _mm512_cmp_ps_mask(x, x, _CMP_ORD_Q);
    const __m512 kept = _mm512_max_ps(_mm512_min_ps(x, _mm512_set1_ps(high)), _mm512_set1_ps(low));
    const __m512i code = _mm512_maskz_and_epi32(number, RoundInteger(kept), mask);
    StoreCodes(codes + i, part, code);
  }
}

STRATA_AVX512 void DecodeIntegerKernel(int bits, const uint8_t* codes, float* values,
                                       size_t count) {
  const __m128i up = _mm_cvtsi32_si128(32 - bits);
  for (size_t i = 0; i < count; i += 16) {
    const __mmask16 part = Part(count - i);
    const __m512i code = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(part, codes + i));
    const __m512i value = _mm512_sra_epi32(_mm512_sll_epi32(code, up), up);
    _mm512_mask_storeu_ps(values + i, part, _mm512_cvtepi32_ps(value));
  }
}

STRATA_AVX512 void LargestKernel(const float* values, size_t count, size_t block,
                                 uint32_t* largest) {
  for (size_t begin = 0, b = 0; begin < count; begin += block, ++b) {
    const size_t end = std::min(begin + block, count);
    __m512i most = _mm512_setzero_si512();
    for (size_t i = begin; i < end; i += 16) {
      const __m512i x = _mm512_castps_si512(_mm512_maskz_loadu_ps(Part(end - i), values + i));
      most = _mm512_max_epu32(most, _mm512_and_si512(x, Word(0x7fffffff)));
    }
    largest[b] = _mm512_reduce_max_epu32(most);
  }
}

STRATA_AVX512 uint32_t LargestFiniteKernel(const float* values, size_t count) {
  __m512i most = _mm512_setzero_si512();
  for (size_t i = 0; i < count; i += 16) {
    const __m512i x = _mm512_castps_si512(_mm512_maskz_loadu_ps(Part(count - i), values + i));
    const __m512i magnitude = _mm512_and_si512(x, Word(0x7fffffff));
    const __mmask16 finite = _mm512_cmplt_epu32_mask(magnitude, Word(0x7f800000));
    most = _mm512_mask_max_epu32(most, finite, most, magnitude);
  }
  return _mm512_reduce_max_epu32(most);
}

STRATA_AVX512 void Fp4ScaleKernel(const uint32_t* largest, size_t blocks, double divisor,
                                  uint8_t* scales) {
  const EncodeConstants e4m3(Row(Format::kE4M3), Overflow::kSaturate);
  for (size_t b = 0; b < blocks; b += 8) {
    const __mmask16 part = blocks - b < 8 ? Tail(blocks - b) : 0xff;
    __m512i magnitude = _mm512_maskz_loadu_epi32(part, largest + b);
    const __mmask16 infinite = _mm512_cmpge_epu32_mask(magnitude, Word(0x7f800000));
    magnitude = _mm512_mask_mov_epi32(magnitude, infinite, Word(0x7fc00000));
    const __m256 words = _mm512_castps512_ps256(_mm512_castsi512_ps(magnitude));
    const __m512d quotient = _mm512_div_pd(_mm512_cvtps_pd(words), _mm512_set1_pd(divisor));
    // To fp32 by rounding to odd, so that the second rounding, to E4M3, is the only one that counts.
    __m256i odd = _mm256_castps_si256(
        _mm512_cvt_roundpd_ps(quotient, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC));
    const __mmask8 inexact =
        _mm512_cmp_pd_mask(_mm512_cvtps_pd(_mm256_castsi256_ps(odd)), quotient, _CMP_LT_OQ);
    odd = _mm256_mask_or_epi32(odd, inexact, odd, _mm256_set1_epi32(1));
    const __m512i code = EncodeVector(e4m3, _mm512_castps256_ps512(_mm256_castsi256_ps(odd)));
    StoreCodes(scales + b, part, code);
  }
}

STRATA_AVX512 void MxElementKernel(const EncodeConstants& k, const float* values, size_t count,
                                   const uint8_t* scales, uint8_t* codes) {
  for (size_t i = 0; i < count; i += 16) {
    const __mmask16 part = Part(count - i);
    const __m512 x = Divided(_mm512_maskz_loadu_ps(part, values + i), scales[i / 32]);
    StoreCodes(codes + i, part, EncodeVector(k, x));
  }
}

STRATA_AVX512 void MxIntegerKernel(const float* values, size_t count, const uint8_t* scales,
                                   uint8_t* codes) {
  const __m512 high = _mm512_set1_ps(127), low = _mm512_set1_ps(-127);
  for (size_t i = 0; i < count; i += 16) {
    const __mmask16 part = Part(count - i);
    const __m512 x = Divided(_mm512_maskz_loadu_ps(part, values + i), scales[i / 32]);
    const __m512 steps = _mm512_mul_ps(x, _mm512_set1_ps(64));
    const __m512i code = RoundInteger(_mm512_max_ps(_mm512_min_ps(steps, high), low));
    StoreCodes(codes + i, part, code);
  }
}

STRATA_AVX512 void Fp4ElementKernel(const float* values, size_t count, const double* factors,
                                    uint8_t* codes) {
  for (size_t i = 0; i < count; i += 16) {
    const __mmask16 part = Part(count - i);
    const double factor = factors[i / 16];
    __m512i code = _mm512_setzero_si512();
    if (factor > 0) code = Fp4Codes(_mm512_maskz_loadu_ps(part, values + i), Fp4Borders(factor));
    StoreCodes(codes + i, part, code);
  }
}

STRATA_AVX512 void ScaleKernel(float* values, size_t count, size_t block, const float* factors,
                               float common) {
  for (size_t i = 0; i < count; i += 16) {
    const __mmask16 part = Part(count - i);
    const __m512 x = _mm512_maskz_loadu_ps(part, values + i);
    const __m512 scaled = _mm512_mul_ps(x, _mm512_set1_ps(factors[i / block]));
    _mm512_mask_storeu_ps(values + i, part, _mm512_mul_ps(scaled, _mm512_set1_ps(common)));
  }
}

#else

void EncodeIntegerKernel(int, float, float, const float*, uint8_t*, size_t) {}
void StochasticIntegerKernel(int, float, float, const float*, const uint32_t*, uint8_t*, size_t) {}
void DecodeIntegerKernel(int, const uint8_t*, float*, size_t) {}
void LargestKernel(const float*, size_t, size_t, uint32_t*) {}
uint32_t LargestFiniteKernel(const float*, size_t) { return 0; }
void Fp4ScaleKernel(const uint32_t*, size_t, double, uint8_t*) {}
void MxElementKernel(const EncodeConstants&, const float*, size_t, const uint8_t*, uint8_t*) {}
void MxIntegerKernel(const float*, size_t, const uint8_t*, uint8_t*) {}
void Fp4ElementKernel(const float*, size_t, const double*, uint8_t*) {}
void StochasticFp4Kernel(const float*, size_t, const double*, const uint32_t*, uint8_t*) {}
void ScaleKernel(float*, size_t, size_t, const float*, float) {}

#endif  // defined(__x86_64__)

}  // namespace strata::chips
