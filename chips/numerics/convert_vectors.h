// Sixteen values at a time in AVX-512: what the kernels of convert_kernels.cc and block_kernels.cc are made of. Internal
// to these; only where __x86_64__ is defined.
#ifndef STRATA_CHIPS_NUMERICS_CONVERT_VECTORS_H_
#define STRATA_CHIPS_NUMERICS_CONVERT_VECTORS_H_

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "chips/numerics/convert_kernels.h"

namespace strata::chips {

#define STRATA_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))

STRATA_AVX512 inline __m512i Word(uint32_t x) { return _mm512_set1_epi32(static_cast<int>(x)); }

// Of rounded magnitudes the codes: one above the largest has overflowed, infinity with it; NaN is seen apart.
STRATA_AVX512 inline __m512i FinishCode(const EncodeConstants& k, __m512i bits, __m512i magnitude,
                                        __m512i code) {
  const __m128i drop = _mm_cvtsi32_si128(k.drop);
  code =
      _mm512_mask_mov_epi32(code, _mm512_cmpgt_epu32_mask(code, Word(k.largest)), Word(k.beyond));
  const __mmask16 is_nan = _mm512_cmpgt_epu32_mask(magnitude, Word(0x7f800000));
  const __m512i payload = _mm512_and_si512(_mm512_srl_epi32(magnitude, drop), Word(k.nan_payload));
  code = _mm512_mask_or_epi32(code, is_nan, payload, Word(k.nan));
  __mmask16 has_sign = 0xffff;
  if (!k.nan_has_sign) has_sign = static_cast<__mmask16>(~is_nan);
  if (!k.zero_has_sign) has_sign = _mm512_test_epi32_mask(code, code);
  const __m512i sign =
      _mm512_srl_epi32(_mm512_xor_si512(bits, magnitude), _mm_cvtsi32_si128(k.sign_shift));
  return _mm512_mask_or_epi32(code, has_sign, code, sign);
}

// Normal numbers round by adding just under half a step, and one more where the kept bits are odd: a carry
// runs into the exponent as it should. Subnormal ones are rounded by fp32's own addition to a number whose
// last bit is their step.
STRATA_AVX512 inline __m512i EncodeVector(const EncodeConstants& k, __m512 x) {
  const __m512i bits = _mm512_castps_si512(x);
  const __m512i magnitude = _mm512_and_si512(bits, Word(0x7fffffff));
  const __m128i drop = _mm_cvtsi32_si128(k.drop);
  const __m512i odd = _mm512_and_si512(_mm512_srl_epi32(magnitude, drop), Word(1));
  const __m512i half = Word((1u << (k.drop - 1)) - 1);
  const __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(magnitude, half), odd);
  __m512i code = _mm512_sub_epi32(_mm512_srl_epi32(rounded, drop), Word(k.rebias));
  const __m512 step = _mm512_set1_ps(k.step_of_subnormals);
  const __m512i subnormal = _mm512_sub_epi32(
      _mm512_castps_si512(_mm512_add_round_ps(_mm512_castsi512_ps(magnitude), step,
                                              _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)),
      _mm512_castps_si512(step));
  code = _mm512_mask_mov_epi32(code, _mm512_cmplt_epu32_mask(magnitude, Word(k.least_normal)),
                               subnormal);
  return FinishCode(k, bits, magnitude, code);
}

// The bits that are dropped, as a fraction of 2^32, and the random ones are added: a carry rounds up.
STRATA_AVX512 inline __m512i EncodeStochasticVector(const EncodeConstants& k, __m512 x,
                                                    __m512i random) {
  const __m512i bits = _mm512_castps_si512(x);
  const __m512i magnitude = _mm512_and_si512(bits, Word(0x7fffffff));
  const __m512i field = _mm512_max_epu32(_mm512_srli_epi32(magnitude, 23), Word(1));
  const __mmask16 normal = _mm512_cmpge_epu32_mask(magnitude, Word(0x00800000));
  __m512i significand = _mm512_and_si512(magnitude, Word(0x007fffff));
  significand = _mm512_mask_or_epi32(significand, normal, significand, Word(0x00800000));
  const __m512i least = Word(k.least_field);
  const __m512i binade = _mm512_max_epu32(field, least);
  const __m512i shift =
      _mm512_add_epi32(Word(static_cast<uint32_t>(k.drop)), _mm512_sub_epi32(binade, field));
  const __m512i kept = _mm512_srlv_epi32(significand, shift);
  const __m512i rest = _mm512_sub_epi32(significand, _mm512_sllv_epi32(kept, shift));
  // A shift by more than 31, or less than 0, gives 0: one of the two is there, or both are the same.
  const __m512i fraction =
      _mm512_or_si512(_mm512_sllv_epi32(rest, _mm512_sub_epi32(Word(32), shift)),
                      _mm512_srlv_epi32(rest, _mm512_sub_epi32(shift, Word(32))));
  const __mmask16 up = _mm512_cmplt_epu32_mask(_mm512_add_epi32(fraction, random), fraction);
  const __m512i rounded = _mm512_mask_add_epi32(kept, up, kept, Word(1));
  const __m512i before =
      _mm512_sll_epi32(_mm512_sub_epi32(binade, least), _mm_cvtsi32_si128(23 - k.drop));
  return FinishCode(k, bits, magnitude, _mm512_add_epi32(before, rounded));
}

// The code's magnitude, put into fp32's place, is the value but for a power of two.
STRATA_AVX512 inline __m512 DecodeVector(const DecodeConstants& k, __m512i code) {
  const __m512i magnitude = _mm512_andnot_si512(Word(k.sign), code);
  const __m512i sign =
      _mm512_sll_epi32(_mm512_and_si512(code, Word(k.sign)), _mm_cvtsi32_si128(k.sign_shift));
  const __m512i wide = _mm512_sll_epi32(magnitude, _mm_cvtsi32_si128(k.widen));
  __m512i value =
      _mm512_castps_si512(_mm512_mul_ps(_mm512_castsi512_ps(wide), _mm512_set1_ps(k.scale)));
  const __mmask16 special = _mm512_cmpge_epu32_mask(magnitude, Word(k.first_special));
  value = _mm512_mask_or_epi32(value, special, wide, Word(k.special_bits));
  value = _mm512_mask_mov_epi32(value, _mm512_cmpeq_epu32_mask(code, Word(k.nan_code)),
                                Word(0x7fc00000));
  return _mm512_castsi512_ps(_mm512_or_si512(value, sign));
}

inline __mmask16 Tail(size_t count) { return static_cast<__mmask16>((1u << count) - 1); }

}  // namespace strata::chips

#endif  // STRATA_CHIPS_NUMERICS_CONVERT_VECTORS_H_
