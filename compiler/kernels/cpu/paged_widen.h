// Keys and values of any cache in registers, for the bodies of paged attention's kernels: widened to f32, turned.
#ifndef STRATA_COMPILER_KERNELS_CPU_PAGED_WIDEN_H_
#define STRATA_COMPILER_KERNELS_CPU_PAGED_WIDEN_H_

#include "chips/numerics/dtype.h"
#include "compiler/kernels/cpu/paged_pack.h"
#include "compiler/kernels/cpu/simd_math.h"

namespace strata::compiler::simd {

typedef uint16_t h16 __attribute__((vector_size(32)));

struct Half {
  uint16_t bits;
};
struct Brain {
  uint16_t bits;
};

template <bool kWide>
STRATA_INLINE v16 Widen(const float* p) {
  return Load(p);
}

// Where there is no instruction: f16's exponent moved to f32's by a product, which makes subnormals right, too.
template <bool kWide>
STRATA_INLINE v16 Widen(const Half* p) {
#if defined(__x86_64__)
  if constexpr (kWide) {
    v16 wide;
    __asm__("vcvtph2ps %1, %0" : "=v"(wide) : "m"(*reinterpret_cast<const uint16_t(*)[16]>(p)));
    return wide;
  }
#endif
  h16 halves;
  std::memcpy(&halves, p, sizeof halves);
  const i16 bits = __builtin_convertvector(halves, i16);
  const i16 size = (bits & 0x7fff) << 13, sign = (bits & 0x8000) << 16;
  const v16 finite = FromBits(size) * 0x1p112f;
  return FromBits((size >= 0x0f800000 ? size + 0x70000000 : BitsOf(finite)) | sign);
}

template <bool kWide>
STRATA_INLINE v16 Widen(const Brain* p) {
#if defined(__x86_64__)
  if constexpr (kWide) {
    i16 wide;
    __asm__("vpmovzxwd %1, %0" : "=v"(wide) : "m"(*reinterpret_cast<const uint16_t(*)[16]>(p)));
    return FromBits(wide << 16);
  }
#endif
  h16 halves;
  std::memcpy(&halves, p, sizeof halves);
  return FromBits(__builtin_convertvector(halves, i16) << 16);
}

template <bool kWide>
STRATA_INLINE v16 Widen(const int8_t* p) {
  return LoadBytes<kWide>(p);
}

// The first n lanes; the others are 0.
template <bool kWide, typename T>
STRATA_INLINE v16 WidenPart(const T* p, int64_t n) {
  if (n >= 16) return Widen<kWide>(p);
  T part[16] = {};
  std::memcpy(part, p, static_cast<size_t>(n) * sizeof(T));
  return Widen<kWide>(part);
}

// Rows become columns: pairs, then fours, then quarters of vectors change places.
STRATA_INLINE void Turn16(v16* r) {
  v16 t[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    t[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28,
                                   13, 29);
    t[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27,
                                       14, 30, 15, 31);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
#pragma GCC unroll 2
    for (int k = 0; k < 2; ++k) {
      r[i + 2 * k] = __builtin_shufflevector(t[i + k], t[i + k + 2], 0, 1, 16, 17, 4, 5, 20, 21, 8,
                                             9, 24, 25, 12, 13, 28, 29);
      r[i + 2 * k + 1] = __builtin_shufflevector(t[i + k], t[i + k + 2], 2, 3, 18, 19, 6, 7, 22, 23,
                                                 10, 11, 26, 27, 14, 15, 30, 31);
    }
  }
  // Now r[4 j + c] holds columns c, c + 4, c + 8, c + 12 of rows 4 j to 4 j + 3.
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    t[c] = __builtin_shufflevector(r[c], r[c + 4], 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25,
                                   26, 27);
    t[c + 4] = __builtin_shufflevector(r[c], r[c + 4], 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15,
                                       28, 29, 30, 31);
    t[c + 8] = __builtin_shufflevector(r[c + 8], r[c + 12], 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10,
                                       11, 24, 25, 26, 27);
    t[c + 12] = __builtin_shufflevector(r[c + 8], r[c + 12], 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14,
                                        15, 28, 29, 30, 31);
  }
#pragma GCC unroll 8
  for (int c = 0; c < 8; ++c) {
    r[c] = __builtin_shufflevector(t[c], t[c + 8], 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21,
                                   22, 23);
    r[c + 8] = __builtin_shufflevector(t[c], t[c + 8], 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27,
                                       28, 29, 30, 31);
  }
}

// Elements [d, d + n) of 16 keys, n <= 16, turned: element e of key i to out[e * step + i].
template <bool kWide, bool kPart, typename T>
STRATA_INLINE void TurnKeys(const T* const* rows, int64_t d, int64_t n, float* out, int64_t step) {
  v16 r[16];
#pragma GCC unroll 16
  for (int64_t i = 0; i < 16; ++i) {
    r[i] = kPart ? WidenPart<kWide>(rows[i] + d, n) : Widen<kWide>(rows[i] + d);
  }
  Turn16(r);
#pragma GCC unroll 16
  for (int64_t i = 0; i < 16; ++i) {
    if (!kPart || i < n) Store(out + (d + i) * step, r[i]);
  }
}

// All elements of 16 keys: out [width, step].
template <bool kWide, typename T>
STRATA_INLINE void TurnWholeKeys(const T* const* rows, int64_t width, float* out, int64_t step) {
  int64_t d = 0;
  for (; d + 16 <= width; d += 16) TurnKeys<kWide, false>(rows, d, 16, out, step);
  if (d < width) TurnKeys<kWide, true>(rows, d, width - d, out, step);
}

// A body for each dtype: STRATA_PAGED_DISPATCH(cache.dtype, PackKeysOf, (cache, slots, out)).
#define STRATA_PAGED_DISPATCH(dtype, function, arguments) \
  switch (dtype) {                                        \
    case chips::F16:                                      \
      return function<kWide, Half> arguments;             \
    case chips::BF16:                                     \
      return function<kWide, Brain> arguments;            \
    case chips::I8:                                       \
      return function<kWide, int8_t> arguments;           \
    default:                                              \
      return function<kWide, float> arguments;            \
  }

}  // namespace strata::compiler::simd

#endif  // STRATA_COMPILER_KERNELS_CPU_PAGED_WIDEN_H_
