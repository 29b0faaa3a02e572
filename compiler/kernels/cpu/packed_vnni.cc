#include "compiler/kernels/cpu/packed_vnni.h"

#include <cstring>
#include <limits>
#include <utility>

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

// With this many rows or fewer memory may be what a tile waits for: lines that far ahead are asked for.
constexpr int kPrefetchRows = 8;
constexpr int64_t kAhead = 2048;

STRATA_INLINE_512 __m512i Vector(const uint8_t* p) { return _mm512_loadu_si512(p); }
STRATA_INLINE_512 __m512 Halves(const uint8_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
STRATA_INLINE_512 __m512 UnsignedBytes(const uint8_t* p) {
  return _mm512_cvtepi32_ps(
      _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
STRATA_INLINE_512 __m512 SignedBytes(const uint8_t* p) {
  return _mm512_cvtepi32_ps(
      _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
STRATA_INLINE_512 int32_t Int(const uint8_t* p, int i) {
  int32_t value;
  std::memcpy(&value, p + 4 * i, sizeof value);
  return value;
}
STRATA_INLINE_512 float Float(const uint8_t* p, int i) {
  float value;
  std::memcpy(&value, p + 4 * i, sizeof value);
  return value;
}

STRATA_INLINE_512 __m512i LowNibbles(__m512i v) {
  return _mm512_and_si512(v, _mm512_set1_epi8(15));
}
STRATA_INLINE_512 __m512i HighNibbles(__m512i v) { return LowNibbles(_mm512_srli_epi16(v, 4)); }

// What differs between the forms: vector j of the codes of block kB of a chunk.
template <PackedForm kForm, bool kTable, int kB>
STRATA_INLINE_512 __m512i Codes(const uint8_t* values, int j, __m512i table) {
  if constexpr (kForm == PackedForm::kBytes || kForm == PackedForm::kSuperBytes) {
    return Vector(values + 64 * j);
  } else if constexpr (kForm == PackedForm::kSuperNibbles) {
    const __m512i both = Vector(values + 64 * j);
    return kB == 0 ? LowNibbles(both) : HighNibbles(both);
  } else if constexpr (kForm == PackedForm::kSuperSix) {
    const __m512i both = Vector(values + 512 * (kB % 2) + 64 * j);
    const __m512i low = kB < 2 ? LowNibbles(both) : HighNibbles(both);
    __m512i pairs = Vector(values + 1024 + 64 * j);
    if constexpr (kB == 0) pairs = _mm512_slli_epi16(pairs, 4);
    if constexpr (kB == 1) pairs = _mm512_slli_epi16(pairs, 2);
    if constexpr (kB == 3) pairs = _mm512_srli_epi16(pairs, 2);
    // low | (pairs & 0x30)
    return _mm512_ternarylogic_epi32(low, pairs, _mm512_set1_epi8(0x30), 0xf8);
  } else {
    const __m512i both = Vector(values + 64 * (j & 3));
    const __m512i nibbles = j < 4 ? LowNibbles(both) : HighNibbles(both);
    return kTable ? _mm512_shuffle_epi8(table, nibbles) : nibbles;
  }
}

// The scales of one block of 16 rows, and what goes with them.
struct Scales {
  __m512 first;   // of all 32, or of the first 16
  __m512 second;  // kSuperSix: of the other 16
  __m512 min;
};

// Of block b of a step.
template <PackedForm kForm, bool kTable>
STRATA_INLINE_512 Scales ScalesOf(const uint8_t* scales, int64_t b, const PackedLayout& layout) {
  Scales s = {};
  if constexpr (kForm == PackedForm::kSuperNibbles || kForm == PackedForm::kSuperBytes) {
    s.first = _mm512_mul_ps(Halves(scales), UnsignedBytes(scales + 64 + 16 * b));
    s.min = _mm512_mul_ps(Halves(scales + 32), UnsignedBytes(scales + 192 + 16 * b));
  } else if constexpr (kForm == PackedForm::kSuperSix) {
    s.first = _mm512_mul_ps(Halves(scales), SignedBytes(scales + 32 + 32 * b));
    s.second = _mm512_mul_ps(Halves(scales), SignedBytes(scales + 48 + 32 * b));
  } else if (kTable && layout.bf16_scale) {
    s.first = _mm512_castsi512_ps(_mm512_slli_epi32(
        _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(scales))), 16));
  } else {
    s.first = Halves(scales);
    if constexpr (kForm == PackedForm::kNibblesMin)
      s.min = _mm512_xor_ps(Halves(scales + 32), _mm512_set1_ps(-0.0f));
  }
  return s;
}

template <PackedForm kForm>
constexpr bool kHasMin = kForm == PackedForm::kNibblesMin || kForm == PackedForm::kSuperNibbles ||
                         kForm == PackedForm::kSuperBytes;
template <PackedForm kForm>
constexpr bool kIsSix = kForm == PackedForm::kSuperSix;
template <PackedForm kForm>
constexpr int64_t kBlockBytes = kIsSix<kForm> ? 44 : 40;  // of x, a row

// Adds block kB of a chunk: 16 rows of weights times T rows of x.
template <PackedForm kForm, bool kTable, int T, int kB>
STRATA_INLINE_512 void AddBlock(const Scales& s, const uint8_t* values, const uint8_t* panel,
                                __m512i table, __m512 (&y)[T]) {
  const uint8_t* block = panel + kB * T * kBlockBytes<kForm>;
  const uint8_t* extra = block + 36 * T;
  __m512i sum[T];
  __m512 g[T];
#pragma GCC unroll 16
  for (int t = 0; t < T; ++t)
    sum[t] = kHasMin<kForm> ? _mm512_setzero_si512() : _mm512_set1_epi32(Int(extra, t));
#pragma GCC unroll 8
  for (int j = 0; j < 8; ++j) {
    const __m512i w = Codes<kForm, kTable, kB>(values, j, table);
    if (kIsSix<kForm> && j == 4) {
#pragma GCC unroll 16
      for (int t = 0; t < T; ++t) {
        g[t] = _mm512_mul_ps(_mm512_cvtepi32_ps(sum[t]), s.first);
        sum[t] = _mm512_set1_epi32(Int(extra, T + t));
      }
    }
#pragma GCC unroll 16
    for (int t = 0; t < T; ++t)
      sum[t] = _mm512_dpbusd_epi32(sum[t], w, _mm512_set1_epi32(Int(block, j * T + t)));
  }
#pragma GCC unroll 16
  for (int t = 0; t < T; ++t) {
    const __m512 exact = _mm512_cvtepi32_ps(sum[t]);
    if constexpr (kIsSix<kForm>) {
      g[t] = _mm512_fmadd_ps(exact, s.second, g[t]);
    } else if constexpr (kHasMin<kForm>) {
      g[t] = _mm512_fmsub_ps(exact, s.first, _mm512_mul_ps(s.min, _mm512_set1_ps(Float(extra, t))));
    } else {
      g[t] = _mm512_mul_ps(exact, s.first);
    }
    y[t] = _mm512_fmadd_ps(g[t], _mm512_set1_ps(Float(block, 8 * T + t)), y[t]);
  }
}

// Blocks are taken by the chunk: as many as share their bytes.
template <PackedForm kForm>
constexpr int kChunk = kIsSix<kForm>                        ? 4
                       : kForm == PackedForm::kSuperNibbles ? 2
                                                            : 1;
template <PackedForm kForm>
constexpr int64_t kChunkBytes =
    kIsSix<kForm>                                                       ? 1536
    : kForm == PackedForm::kNibbles || kForm == PackedForm::kNibblesMin ? 256
                                                                        : 512;
template <PackedForm kForm>
constexpr int64_t kStepBlocks =
    kForm == PackedForm::kSuperNibbles || kForm == PackedForm::kSuperBytes || kIsSix<kForm> ? 8 : 1;
template <PackedForm kForm>
constexpr int64_t kScaleBytes = kIsSix<kForm>                      ? 288
                                : kStepBlocks<kForm> == 8          ? 320
                                : kForm == PackedForm::kNibblesMin ? 64
                                                                   : 32;

template <PackedForm kForm, bool kTable, int T, int... kBlocks>
STRATA_INLINE_512 void AddChunk(const PackedLayout& layout, const uint8_t* scales, int64_t b,
                                const uint8_t* values, const uint8_t* panel, __m512i table,
                                __m512 (&y)[T], std::integer_sequence<int, kBlocks...>) {
  (AddBlock<kForm, kTable, T, kBlocks>(ScalesOf<kForm, kTable>(scales, b + kBlocks, layout), values,
                                       panel, table, y),
   ...);
}

template <PackedForm kForm, bool kTable, int T>
void Tile(const PackedTile& tile) {
  const PackedLayout& layout = tile.layout;
  const uint8_t* scales = tile.group;
  const uint8_t* values = tile.group + layout.ScaleArea(tile.K);
  const uint8_t* panel = tile.panel;
  const __m512i table =
      kTable
          ? _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(layout.table)))
          : _mm512_setzero_si512();
  __m512 y[T];
#pragma GCC unroll 16
  for (int t = 0; t < T; ++t) y[t] = _mm512_setzero_ps();
  for (int64_t step = 0; step < tile.K / 32 / kStepBlocks<kForm>; ++step) {
    for (int64_t b = 0; b < kStepBlocks<kForm>; b += kChunk<kForm>) {
      if constexpr (T <= kPrefetchRows) {
#pragma GCC unroll 32
        for (int64_t line = 0; line < kChunkBytes<kForm>; line += 64)
          _mm_prefetch(reinterpret_cast<const char*>(values + kAhead + line), _MM_HINT_T0);
      }
      AddChunk<kForm, kTable, T>(layout, scales, b, values, panel, table, y,
                                 std::make_integer_sequence<int, kChunk<kForm>>());
      values += kChunkBytes<kForm>;
      panel += kChunk<kForm> * T * kBlockBytes<kForm>;
    }
    scales += kScaleBytes<kForm>;
  }
  const __mmask16 columns = static_cast<__mmask16>((1u << tile.columns) - 1);
#pragma GCC unroll 16
  for (int t = 0; t < T; ++t) _mm512_mask_storeu_ps(tile.y[t], columns, y[t]);
}

// 32 floats to int8 with a scale; chips::RoundRowQ8() says how.
struct RoundedBlock {
  __m256i codes;
  float scale;
};
STRATA_INLINE_512 RoundedBlock RoundBlock(const float* x) {
  const __m512 a = _mm512_loadu_ps(x), b = _mm512_loadu_ps(x + 16);
  const __m512 absolute_a = _mm512_abs_ps(a), absolute_b = _mm512_abs_ps(b);
  const __m512 infinity = _mm512_set1_ps(std::numeric_limits<float>::infinity());
  const unsigned finite = _mm512_cmp_ps_mask(absolute_a, infinity, _CMP_LT_OQ) &
                          _mm512_cmp_ps_mask(absolute_b, infinity, _CMP_LT_OQ);
  if (finite != 0xffff) return {_mm256_setzero_si256(), std::numeric_limits<float>::quiet_NaN()};
  const float largest = _mm512_reduce_max_ps(_mm512_max_ps(absolute_a, absolute_b));
  if (largest < chips::kQ8Smallest) return {_mm256_setzero_si256(), 0};
  const __m512 inverse = _mm512_set1_ps(127.0f / largest);
  const __m128i low = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(a, inverse)));
  const __m128i high = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(b, inverse)));
  return {_mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1), largest / 127.0f};
}

STRATA_INLINE_512 int32_t SumOfFour(__m128i v) {
  v = _mm_add_epi32(v, _mm_shuffle_epi32(v, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(v, _mm_shuffle_epi32(v, 0xb1)));
}

template <bool kMin, bool kSix>
STRATA_INLINE_512 void PutBlock(const RoundedBlock& rounded, int offset, int64_t T, int64_t t,
                                uint8_t* block) {
  alignas(32) int32_t quads[8];
  _mm256_store_si256(reinterpret_cast<__m256i*>(quads), rounded.codes);
#pragma GCC unroll 8
  for (int j = 0; j < 8; ++j) std::memcpy(block + 4 * (j * T + t), &quads[j], 4);
  std::memcpy(block + 32 * T + 4 * t, &rounded.scale, 4);
  const __m256i sums =
      _mm256_dpbusd_epi32(_mm256_setzero_si256(), _mm256_set1_epi8(1), rounded.codes);
  const __m128i low = _mm256_castsi256_si128(sums), high = _mm256_extracti128_si256(sums, 1);
  uint8_t* extra = block + 36 * T + 4 * t;
  if constexpr (kSix) {
    const int32_t halves[2] = {-offset * SumOfFour(low), -offset * SumOfFour(high)};
    std::memcpy(extra, &halves[0], 4);
    std::memcpy(extra + 4 * T, &halves[1], 4);
  } else {
    const int32_t sum = SumOfFour(_mm_add_epi32(low, high));
    const int32_t started = -offset * sum;
    const float as_float = static_cast<float>(sum);
    if constexpr (kMin) {
      std::memcpy(extra, &as_float, 4);
    } else {
      std::memcpy(extra, &started, 4);
    }
  }
}

template <bool kMin, bool kSix>
void Round(const PackedLayout& layout, int64_t K, const float* const* x, int count,
           uint8_t* panel) {
  const int64_t bytes = count * (kSix ? 44 : 40);
  for (int64_t b = 0; b < K / 32; ++b) {
    for (int t = 0; t < count; ++t)
      PutBlock<kMin, kSix>(RoundBlock(x[t] + 32 * b), layout.offset, count, t, panel + b * bytes);
  }
}

template <PackedForm kForm, bool kTable, int... kCounts>
PackedKernel MakeKernel(std::integer_sequence<int, kCounts...>) {
  return {"vpdpbusd",
          Round<kHasMin<kForm>, kIsSix<kForm>>,
          {nullptr, Tile<kForm, kTable, kCounts + 1>...}};
}

template <PackedForm kForm, bool kTable = false>
const PackedKernel* Kernel() {
  static const PackedKernel kernel =
      MakeKernel<kForm, kTable>(std::make_integer_sequence<int, kPackedTileRows>());
  return &kernel;
}

const PackedKernel* KernelOf(const PackedLayout& layout) {
  switch (layout.form) {
    case PackedForm::kBytes:
      return Kernel<PackedForm::kBytes>();
    case PackedForm::kNibbles:
      return layout.table != nullptr ? Kernel<PackedForm::kNibbles, true>()
                                     : Kernel<PackedForm::kNibbles>();
    case PackedForm::kNibblesMin:
      return Kernel<PackedForm::kNibblesMin>();
    case PackedForm::kSuperNibbles:
      return Kernel<PackedForm::kSuperNibbles>();
    case PackedForm::kSuperBytes:
      return Kernel<PackedForm::kSuperBytes>();
    case PackedForm::kSuperSix:
      return Kernel<PackedForm::kSuperSix>();
    default:
      return nullptr;
  }
}

#pragma GCC pop_options

}  // namespace

const PackedKernel* VnniPackedKernel(const PackedLayout& layout) {
  static const bool has = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512vl") &&
                          __builtin_cpu_supports("avx512dq") &&
                          __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("fma");
  return has ? KernelOf(layout) : nullptr;
}

#else

const PackedKernel* VnniPackedKernel(const chips::PackedLayout&) { return nullptr; }

#endif

}  // namespace strata::compiler
