#include "chips/spec/host/rate_kernels.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

// The loops are the measurement: sanitizers must not add to them.
#define STRATA_UNINSTRUMENTED __attribute__((no_sanitize("address", "thread", "undefined")))

namespace strata::chips {
namespace {

// The operands, hidden from the optimiser.
volatile float one_f32 = 1.0f;
volatile double one_f64 = 1.0;

bool Always() { return true; }

// 128-bit vectors by the compiler's own means; it fuses the multiply-add where the target can.
template <typename T>
STRATA_UNINSTRUMENTED double CountPortable(int64_t iterations, T one_scalar) {
  constexpr int kChains = 12;
  constexpr int kLanes = 16 / sizeof(T);
  typedef T Vector __attribute__((vector_size(16)));
  Vector chains[kChains] = {};
  const Vector one = Vector{} + one_scalar;
  for (int64_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) chains[c] = chains[c] * one + one;
  }
  double sum = 0;
  for (const Vector& chain : chains) {
    for (int lane = 0; lane < kLanes; ++lane) sum += chain[lane];
  }
  return sum;
}

double F32Portable(int64_t iterations) { return CountPortable<float>(iterations, one_f32); }
double F64Portable(int64_t iterations) { return CountPortable<double>(iterations, one_f64); }

#if defined(__x86_64__)

// The number of chains covers latency x ports (4 x 2 on the CPUs at hand) and fits the registers.
__attribute__((target("avx512f"))) STRATA_UNINSTRUMENTED double F32Avx512(int64_t iterations) {
  constexpr int kChains = 16;
  __m512 chains[kChains];
  for (__m512& chain : chains) chain = _mm512_setzero_ps();
  const __m512 one = _mm512_set1_ps(one_f32);
  for (int64_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 16
    for (int c = 0; c < kChains; ++c) chains[c] = _mm512_fmadd_ps(chains[c], one, one);
  }
  double sum = 0;
  for (const __m512& chain : chains) {
    for (int lane = 0; lane < 16; ++lane) sum += chain[lane];
  }
  return sum;
}

__attribute__((target("avx512f"))) STRATA_UNINSTRUMENTED double F64Avx512(int64_t iterations) {
  constexpr int kChains = 16;
  __m512d chains[kChains];
  for (__m512d& chain : chains) chain = _mm512_setzero_pd();
  const __m512d one = _mm512_set1_pd(one_f64);
  for (int64_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 16
    for (int c = 0; c < kChains; ++c) chains[c] = _mm512_fmadd_pd(chains[c], one, one);
  }
  double sum = 0;
  for (const __m512d& chain : chains) {
    for (int lane = 0; lane < 8; ++lane) sum += chain[lane];
  }
  return sum;
}

__attribute__((target("avx2,fma"))) STRATA_UNINSTRUMENTED double F32Avx2(int64_t iterations) {
  constexpr int kChains = 12;
  __m256 chains[kChains];
  for (__m256& chain : chains) chain = _mm256_setzero_ps();
  const __m256 one = _mm256_set1_ps(one_f32);
  for (int64_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) chains[c] = _mm256_fmadd_ps(chains[c], one, one);
  }
  double sum = 0;
  for (const __m256& chain : chains) {
    for (int lane = 0; lane < 8; ++lane) sum += chain[lane];
  }
  return sum;
}

__attribute__((target("avx2,fma"))) STRATA_UNINSTRUMENTED double F64Avx2(int64_t iterations) {
  constexpr int kChains = 12;
  __m256d chains[kChains];
  for (__m256d& chain : chains) chain = _mm256_setzero_pd();
  const __m256d one = _mm256_set1_pd(one_f64);
  for (int64_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) chains[c] = _mm256_fmadd_pd(chains[c], one, one);
  }
  double sum = 0;
  for (const __m256d& chain : chains) {
    for (int lane = 0; lane < 4; ++lane) sum += chain[lane];
  }
  return sum;
}

// vdpbf16ps: two products of bf16 pairs into each f32 lane.
__attribute__((target("avx512f,avx512bf16"))) STRATA_UNINSTRUMENTED double Bf16Avx512(
    int64_t iterations) {
  constexpr int kChains = 16;
  __m512 chains[kChains];
  for (__m512& chain : chains) chain = _mm512_setzero_ps();
  const __m512 one_wide = _mm512_set1_ps(one_f32);
  const __m512bh one = _mm512_cvtne2ps_pbh(one_wide, one_wide);
  for (int64_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 16
    for (int c = 0; c < kChains; ++c) chains[c] = _mm512_dpbf16_ps(chains[c], one, one);
  }
  double sum = 0;
  for (const __m512& chain : chains) {
    for (int lane = 0; lane < 16; ++lane) sum += chain[lane];
  }
  return sum;
}

// vpdpbusd: four products of u8 and s8 into each i32 lane.
__attribute__((target("avx512f,avx512vnni"))) STRATA_UNINSTRUMENTED double I8Avx512(
    int64_t iterations) {
  constexpr int kChains = 16;
  __m512i chains[kChains];
  for (__m512i& chain : chains) chain = _mm512_setzero_si512();
  const __m512i one = _mm512_set1_epi32(0x01010101 * static_cast<int>(one_f32));
  for (int64_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 16
    for (int c = 0; c < kChains; ++c) chains[c] = _mm512_dpbusd_epi32(chains[c], one, one);
  }
  double sum = 0;
  for (const __m512i& chain : chains) {
    alignas(64) int32_t lanes[16];
    _mm512_store_si512(lanes, chain);
    for (const int32_t lane : lanes) sum += lane;
  }
  return sum;
}

// The same instruction of CPUs that have it without AVX-512.
__attribute__((target("avx2,avxvnni"))) STRATA_UNINSTRUMENTED double I8AvxVnni(int64_t iterations) {
  constexpr int kChains = 12;
  __m256i chains[kChains];
  for (__m256i& chain : chains) chain = _mm256_setzero_si256();
  const __m256i one = _mm256_set1_epi32(0x01010101 * static_cast<int>(one_f32));
  for (int64_t i = 0; i < iterations; ++i) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) chains[c] = _mm256_dpbusd_avx_epi32(chains[c], one, one);
  }
  double sum = 0;
  for (const __m256i& chain : chains) {
    alignas(32) int32_t lanes[8];
    _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), chain);
    for (const int32_t lane : lanes) sum += lane;
  }
  return sum;
}

bool HasAvx512() { return __builtin_cpu_supports("avx512f"); }
bool HasAvx512Bf16() { return HasAvx512() && __builtin_cpu_supports("avx512bf16"); }
bool HasAvx512Vnni() { return HasAvx512() && __builtin_cpu_supports("avx512vnni"); }
bool HasAvx2Fma() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
// Leaf 7.1 EAX bit 4: not every compiler's __builtin_cpu_supports() knows the name.
bool HasAvxVnni() {
  unsigned int eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __builtin_cpu_supports("avx2") && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 &&
         (eax >> 4 & 1) != 0;
}

#endif  // defined(__x86_64__)

}  // namespace

const std::vector<RateKernel>& RateKernels() {
  static const auto* const kKernels = new std::vector<RateKernel> {
#if defined(__x86_64__)
    {F64, false, "512-bit FMA (avx512f)", 16 * 8, HasAvx512, F64Avx512},
        {F64, false, "256-bit FMA (avx2, fma)", 12 * 4, HasAvx2Fma, F64Avx2},
        {F32, false, "512-bit FMA (avx512f)", 16 * 16, HasAvx512, F32Avx512},
        {F32, false, "256-bit FMA (avx2, fma)", 12 * 8, HasAvx2Fma, F32Avx2},
        {BF16, true, "512-bit vdpbf16ps (avx512_bf16)", 16 * 32, HasAvx512Bf16, Bf16Avx512},
        {I8, true, "512-bit vpdpbusd (avx512_vnni)", 16 * 64, HasAvx512Vnni, I8Avx512},
        {I8, true, "256-bit vpdpbusd (avx_vnni)", 12 * 32, HasAvxVnni, I8AvxVnni},
#endif
        {F64, false, "128-bit multiply and add (portable)", 12 * 2, Always, F64Portable},
        {F32, false, "128-bit multiply and add (portable)", 12 * 4, Always, F32Portable},
  };
  return *kKernels;
}

}  // namespace strata::chips
