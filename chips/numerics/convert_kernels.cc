#include "chips/numerics/convert_kernels.h"

#include <cmath>

#if defined(__x86_64__)
#include "chips/numerics/convert_vectors.h"
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
