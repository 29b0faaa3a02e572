#include "compiler/kernels/cpu/packed_float.h"

#include <cstring>
#include <utility>

#include "compiler/kernels/cpu/packed_ahead.h"

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
    "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma,f16c,prefer-vector-width=512")

#define STRATA_INLINE_512 static inline __attribute__((always_inline))

STRATA_INLINE_512 int32_t Int(const uint8_t* p, int i) {
  int32_t value;
  std::memcpy(&value, p + 4 * i, sizeof value);
  return value;
}

template <PackedForm kForm>
constexpr int64_t kLineBytes = kForm == PackedForm::kHalf ? 32 : 64;

// y[t] += one vector of weights * what panel row t has for it.
template <PackedForm kForm, int T>
STRATA_INLINE_512 void AddVector(const uint8_t* values, const uint8_t* panel, __m512 (&y)[T]) {
  if constexpr (kForm == PackedForm::kBf16Pair) {
    const __m512i w = _mm512_loadu_si512(values);
#pragma GCC unroll 16
    for (int t = 0; t < T; ++t) {
      y[t] = _mm512_dpbf16_ps(y[t], reinterpret_cast<__m512bh>(w),
                              reinterpret_cast<__m512bh>(_mm512_set1_epi32(Int(panel, t))));
    }
  } else {
    const __m512 w =
        kForm == PackedForm::kFloat
            ? _mm512_loadu_ps(values)
            : _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(values)));
#pragma GCC unroll 16
    for (int t = 0; t < T; ++t) {
      y[t] = _mm512_fmadd_ps(w, _mm512_castsi512_ps(_mm512_set1_epi32(Int(panel, t))), y[t]);
    }
  }
}

template <PackedForm kForm, int T>
void Tile(const PackedTile& tile) {
  const uint8_t *values = tile.group, *panel = tile.panel;
  const int64_t vectors = tile.layout.Steps(tile.K);
  __m512 y[T];
#pragma GCC unroll 16
  for (int t = 0; t < T; ++t) y[t] = _mm512_setzero_ps();
  constexpr int64_t kChunk = 8;  // vectors
  PackedAhead ahead(tile, (vectors + kChunk - 1) / kChunk);
  for (int64_t v = 0; v < vectors;) {
    ahead.Prefetch();
    const int64_t end = v + kChunk < vectors ? v + kChunk : vectors;
    for (; v < end; ++v) {
      AddVector<kForm, T>(values, panel, y);
      values += kLineBytes<kForm>;
      panel += 4 * T;
    }
  }
  const __mmask16 columns = static_cast<__mmask16>((1u << tile.columns) - 1);
#pragma GCC unroll 16
  for (int t = 0; t < T; ++t) _mm512_mask_storeu_ps(tile.y[t], columns, y[t]);
}

// Lanes [0, count) of v, one every `T` words of `out`.
STRATA_INLINE_512 void Scatter(__m512i v, int64_t count, int64_t T, uint8_t* out) {
  alignas(64) int32_t lanes[16];
  _mm512_store_si512(lanes, v);
  for (int64_t i = 0; i < count; ++i) std::memcpy(out + 4 * T * i, &lanes[i], 4);
}

template <bool kBf16>
void Round(const PackedLayout&, int64_t K, const float* const* x, int count, uint8_t* panel) {
  constexpr int64_t kStep = kBf16 ? 32 : 16;
  for (int64_t k = 0; k < K; k += kStep) {
    const int64_t left = K - k;
    const auto mask = [](int64_t n) {
      return n >= 16 ? __mmask16{0xffff} : static_cast<__mmask16>((1u << (n > 0 ? n : 0)) - 1);
    };
    for (int t = 0; t < count; ++t) {
      __m512i words = _mm512_castps_si512(_mm512_maskz_loadu_ps(mask(left), x[t] + k));
      int64_t lanes = left < 16 ? left : 16;
      if constexpr (kBf16) {
        const __m512 second = _mm512_maskz_loadu_ps(mask(left - 16), x[t] + k + 16);
        words = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(second, _mm512_castsi512_ps(words)));
        lanes = left < 32 ? (left + 1) / 2 : 16;
      }
      Scatter(words, lanes, count, panel + (kBf16 ? k / 2 : k) * 4 * count + 4 * t);
    }
  }
}

template <PackedForm kForm, int... kCounts>
PackedKernel MakeKernel(const char* name, std::integer_sequence<int, kCounts...>) {
  return {name, Round<kForm == PackedForm::kBf16Pair>, {nullptr, Tile<kForm, kCounts + 1>...}};
}

template <PackedForm kForm>
const PackedKernel* Kernel(const char* name) {
  static const PackedKernel kernel =
      MakeKernel<kForm>(name, std::make_integer_sequence<int, kPackedTileRows>());
  return &kernel;
}

const PackedKernel* KernelOf(const PackedLayout& layout) {
  switch (layout.form) {
    case PackedForm::kFloat:
      return Kernel<PackedForm::kFloat>("vfmadd231ps");
    case PackedForm::kHalf:
      return Kernel<PackedForm::kHalf>("vcvtph2ps and vfmadd231ps");
    case PackedForm::kBf16Pair:
      return Kernel<PackedForm::kBf16Pair>("vdpbf16ps");
    default:
      return nullptr;
  }
}

#pragma GCC pop_options

}  // namespace

const PackedKernel* FloatPackedKernel(const PackedLayout& layout) {
  static const bool has = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512vl") &&
                          __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("fma");
  static const bool has_bf16 = has && __builtin_cpu_supports("avx512bf16");
  return (layout.form == PackedForm::kBf16Pair ? has_bf16 : has) ? KernelOf(layout) : nullptr;
}

#else

const PackedKernel* FloatPackedKernel(const chips::PackedLayout&) { return nullptr; }

#endif

}  // namespace strata::compiler
