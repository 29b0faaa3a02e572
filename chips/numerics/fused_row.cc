#include "chips/numerics/fused_row.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace strata::chips {

#if defined(__x86_64__)

namespace {

#define STRATA_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))

// Exponents of the group's terms, and the largest of them and of c's. No zero raises it above -126.
template <int kGroup>
STRATA_AVX512 inline __m512 Exponents(const FusedRow& row, int64_t k, __m512 c, __m512* exponents) {
  __m512 largest = _mm512_max_ps(_mm512_getexp_ps(c), _mm512_set1_ps(-126));
  for (int i = 0; i < kGroup; ++i) {
    exponents[i] = _mm512_add_ps(_mm512_set1_ps(row.a_exponent[k + i]),
                                 _mm512_loadu_ps(row.b_exponent + (k + i) * 16));
    largest = _mm512_max_ps(largest, exponents[i]);
  }
  return largest;
}

// The sum of up to 16 products, each cut off toward zero at 2^last. A product is exact in fp32, less than 4,
// and 2^27 after the scaling at most: 16 fit an int32, as (2 - 2^-10)^2 < 4.
template <int kFirst, int kCount>
STRATA_AVX512 inline __m512i CutOffProducts(const FusedRow& row, int64_t k, const __m512* exponents,
                                            __m512 last) {
  __m512i sum = _mm512_setzero_si512();
  for (int i = kFirst; i < kFirst + kCount; ++i) {
    const __m512 product = _mm512_mul_ps(_mm512_set1_ps(row.a_significand[k + i]),
                                         _mm512_loadu_ps(row.b_significand + (k + i) * 16));
    const __m512 scaled = _mm512_scalef_ps(product, _mm512_sub_ps(exponents[i], last));
    sum = _mm512_add_epi32(sum, _mm512_cvttps_epi32(scaled));
  }
  return sum;
}

// Two int32 sums as eight int64 lanes, to fp32 toward zero.
template <int kHalf>
STRATA_AVX512 inline __m256 CutOffSum(__m512i x, __m512i y, __m512i z) {
  const __m512i wide =
      _mm512_add_epi64(_mm512_add_epi64(_mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(x, kHalf)),
                                        _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(y, kHalf))),
                       _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(z, kHalf)));
  return _mm512_cvt_roundepi64_ps(wide, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
}

template <int kGroup>
STRATA_AVX512 inline __m512 FusedGroup(const FusedRow& row, int64_t k, __m512 c) {
  constexpr int kChunk = kGroup < 16 ? kGroup : 16;
  __m512 exponents[kGroup];
  const __m512 largest = Exponents<kGroup>(row, k, c, exponents);
  const __m512 last =
      _mm512_sub_ps(largest, _mm512_set1_ps(static_cast<float>(row.alignment_bits)));
  const __m512i low = CutOffProducts<0, kChunk>(row, k, exponents, last);
  __m512i high = _mm512_setzero_si512();
  if constexpr (kGroup > 16) high = CutOffProducts<kChunk, kChunk>(row, k, exponents, last);
  const __m512i c_part =
      _mm512_cvttps_epi32(_mm512_scalef_ps(c, _mm512_sub_ps(_mm512_setzero_ps(), last)));
  const __m512 sum = _mm512_insertf32x8(_mm512_castps256_ps512(CutOffSum<0>(low, high, c_part)),
                                        CutOffSum<1>(low, high, c_part), 1);
  const __m512 result = _mm512_scalef_round_ps(sum, last, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
  const __m512i mask = _mm512_set1_epi32(~((1 << (23 - row.kept_bits)) - 1));
  return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(result), mask));
}

template <int kGroup>
STRATA_AVX512 uint32_t Run(const FusedRow& row, const float* c, float* d) {
  __m512 sum = _mm512_loadu_ps(c);
  __mmask16 large = 0;
  for (int64_t k = 0; k < row.k; k += kGroup) {
    sum = FusedGroup<kGroup>(row, k, sum);
    large |= _mm512_cmp_ps_mask(_mm512_abs_ps(sum), _mm512_set1_ps(0x1p127f), _CMP_GE_OQ);
  }
  _mm512_storeu_ps(d, sum);
  return large;
}

}  // namespace

bool HasFusedRow() {
  static const bool has = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  return has;
}

uint32_t RunFusedRow(const FusedRow& row, const float* c, float* d) {
  switch (row.group) {
    case 4:
      return Run<4>(row, c, d);
    case 8:
      return Run<8>(row, c, d);
    case 16:
      return Run<16>(row, c, d);
    default:
      return Run<32>(row, c, d);
  }
}

#else

bool HasFusedRow() { return false; }
uint32_t RunFusedRow(const FusedRow&, const float*, float*) { return 0xffff; }

#endif  // defined(__x86_64__)

}  // namespace strata::chips
