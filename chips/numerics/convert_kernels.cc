#include "chips/numerics/convert_kernels.h"

#include <cmath>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace strata::chips {
namespace {

constexpr uint32_t kNever = 0xffffffffu;

}  // namespace

EncodeConstants::EncodeConstants(const FormatRow& row, Overflow overflow)
    : drop(23 - row.mantissa_bits),
      sign_shift(32 - row.bits()),
      rebias(static_cast<uint32_t>(127 - row.bias) << row.mantissa_bits),
      least_normal(row.bias == 127 ? 0 : static_cast<uint32_t>(row.min_exponent() + 127) << 23),
      least_field(static_cast<uint32_t>(row.min_exponent() + 127)),
      step_of_subnormals(
          std::ldexp(1.0f, row.bias == 127 ? 0 : row.min_exponent() - row.mantissa_bits + 23)),
      largest(row.LargestCode()),
      beyond(overflow == Overflow::kSaturate ? row.LargestCode() : row.OverflowCode()),
      nan(row.HasInfinity() ? row.OverflowCode() | 1u << (row.mantissa_bits - 1)
                            : row.OverflowCode()),
      nan_payload(row.HasInfinity() ? (1u << row.mantissa_bits) - 1 : 0),
      nan_has_sign(row.HasNan()),
      zero_has_sign(row.specials != Specials::kFnuz) {}

DecodeConstants::DecodeConstants(const FormatRow& row)
    : widen(23 - row.mantissa_bits),
      sign(row.SignMask()),
      sign_shift(32 - row.bits()),
      scale(std::ldexp(1.0f, 127 - row.bias)),
      first_special(row.specials == Specials::kIeee || row.specials == Specials::kFn
                        ? row.OverflowCode()
                        : kNever),
      special_bits(row.HasInfinity() ? 0x7f800000u : 0x7fc00000u),
      nan_code(row.specials == Specials::kFnuz ? row.OverflowCode() : kNever) {}

#if defined(__x86_64__)

namespace {

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

__mmask16 Tail(size_t count) { return static_cast<__mmask16>((1u << count) - 1); }

}  // namespace

bool HasConvertKernels() {
  static const bool has = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  return has;
}

STRATA_AVX512 void EncodeKernel(const EncodeConstants& k, const float* values, uint8_t* codes,
                                size_t count) {
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(codes + i),
                     _mm512_cvtepi32_epi8(EncodeVector(k, _mm512_loadu_ps(values + i))));
  }
  const __mmask16 tail = Tail(count - i);
  _mm512_mask_cvtepi32_storeu_epi8(codes + i, tail,
                                   EncodeVector(k, _mm512_maskz_loadu_ps(tail, values + i)));
}

STRATA_AVX512 void EncodeKernel(const EncodeConstants& k, const float* values, uint16_t* codes,
                                size_t count) {
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(codes + i),
                        _mm512_cvtepi32_epi16(EncodeVector(k, _mm512_loadu_ps(values + i))));
  }
  const __mmask16 tail = Tail(count - i);
  _mm512_mask_cvtepi32_storeu_epi16(codes + i, tail,
                                    EncodeVector(k, _mm512_maskz_loadu_ps(tail, values + i)));
}

STRATA_AVX512 void EncodeStochasticKernel(const EncodeConstants& k, const float* values,
                                          const uint32_t* random, uint8_t* codes, size_t count) {
  for (size_t i = 0; i < count; i += 16) {
    const __mmask16 part = count - i < 16 ? Tail(count - i) : 0xffff;
    const __m512i code = EncodeStochasticVector(k, _mm512_maskz_loadu_ps(part, values + i),
                                                _mm512_maskz_loadu_epi32(part, random + i));
    _mm512_mask_cvtepi32_storeu_epi8(codes + i, part, code);
  }
}

STRATA_AVX512 void EncodeStochasticKernel(const EncodeConstants& k, const float* values,
                                          const uint32_t* random, uint16_t* codes, size_t count) {
  for (size_t i = 0; i < count; i += 16) {
    const __mmask16 part = count - i < 16 ? Tail(count - i) : 0xffff;
    const __m512i code = EncodeStochasticVector(k, _mm512_maskz_loadu_ps(part, values + i),
                                                _mm512_maskz_loadu_epi32(part, random + i));
    _mm512_mask_cvtepi32_storeu_epi16(codes + i, part, code);
  }
}

STRATA_AVX512 void DecodeKernel(const DecodeConstants& k, const uint8_t* codes, float* values,
                                size_t count) {
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    const __m128i code = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + i));
    _mm512_storeu_ps(values + i, DecodeVector(k, _mm512_cvtepu8_epi32(code)));
  }
  const __mmask16 tail = Tail(count - i);
  const __m512i code = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(tail, codes + i));
  _mm512_mask_storeu_ps(values + i, tail, DecodeVector(k, code));
}

STRATA_AVX512 void DecodeKernel(const DecodeConstants& k, const uint16_t* codes, float* values,
                                size_t count) {
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    const __m256i code = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes + i));
    _mm512_storeu_ps(values + i, DecodeVector(k, _mm512_cvtepu16_epi32(code)));
  }
  const __mmask16 tail = Tail(count - i);
  const __m512i code = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(tail, codes + i));
  _mm512_mask_storeu_ps(values + i, tail, DecodeVector(k, code));
}

#else

bool HasConvertKernels() { return false; }
void EncodeKernel(const EncodeConstants&, const float*, uint8_t*, size_t) {}
void EncodeKernel(const EncodeConstants&, const float*, uint16_t*, size_t) {}
void EncodeStochasticKernel(const EncodeConstants&, const float*, const uint32_t*, uint8_t*,
                            size_t) {}
void EncodeStochasticKernel(const EncodeConstants&, const float*, const uint32_t*, uint16_t*,
                            size_t) {}
void DecodeKernel(const DecodeConstants&, const uint8_t*, float*, size_t) {}
void DecodeKernel(const DecodeConstants&, const uint16_t*, float*, size_t) {}

#endif  // defined(__x86_64__)

}  // namespace strata::chips
