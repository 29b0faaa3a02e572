#include "compiler/kernels/cpu/packed_vnni.h"

#include <cstring>
#include <utility>

#include "compiler/kernels/cpu/packed_ahead.h"
#include "compiler/kernels/cpu/packed_vnni_round.h"

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
    const __m512i both = Vector(kB % 2 == 0 ? values + 128 * j + 64 : values + 1024 + 64 * j);
    const __m512i low = kB < 2 ? LowNibbles(both) : HighNibbles(both);
    __m512i pairs = Vector(values + 128 * j);
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
  const uint8_t* values = tile.group;
  const uint8_t* panel = tile.panel;
  const __m512i table =
      kTable
          ? _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(layout.table)))
          : _mm512_setzero_si512();
  __m512 y[T];
#pragma GCC unroll 16
  for (int t = 0; t < T; ++t) y[t] = _mm512_setzero_ps();
  PackedAhead ahead(tile, tile.K / 32 / kChunk<kForm>);
  for (int64_t step = 0; step < tile.K / 32 / kStepBlocks<kForm>; ++step) {
    const uint8_t* scales = values;
    values += kScaleBytes<kForm>;
    for (int64_t b = 0; b < kStepBlocks<kForm>; b += kChunk<kForm>) {
      ahead.Prefetch();
      AddChunk<kForm, kTable, T>(layout, scales, b, values, panel, table, y,
                                 std::make_integer_sequence<int, kChunk<kForm>>());
      values += kChunkBytes<kForm>;
      panel += kChunk<kForm> * T * kBlockBytes<kForm>;
    }
  }
  const __mmask16 columns = static_cast<__mmask16>((1u << tile.columns) - 1);
#pragma GCC unroll 16
  for (int t = 0; t < T; ++t) _mm512_mask_storeu_ps(tile.y[t], columns, y[t]);
}

template <PackedForm kForm, bool kTable, int... kCounts>
PackedKernel MakeKernel(std::integer_sequence<int, kCounts...>) {
  return {"vpdpbusd", VnniRound(kForm), {nullptr, Tile<kForm, kTable, kCounts + 1>...}};
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
