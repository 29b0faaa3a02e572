// 64 keys turned in their own dtype, elements by rows of keys, for the bodies of paged attention's kernels: a 16-bit key
// is turned at half the work of a widened one, and widened as often as it is used.
#ifndef STRATA_COMPILER_KERNELS_CPU_PAGED_TURN_H_
#define STRATA_COMPILER_KERNELS_CPU_PAGED_TURN_H_

#include <cstring>

#include "compiler/kernels/cpu/paged_ahead.h"
#include "compiler/kernels/cpu/paged_pack.h"
#include "compiler/kernels/cpu/simd.h"

namespace strata::compiler::simd {

typedef uint8_t u8x16 __attribute__((vector_size(16)));
typedef uint16_t u16x8 __attribute__((vector_size(16)));
typedef uint32_t u32x4 __attribute__((vector_size(16)));
typedef uint8_t u8x64 __attribute__((vector_size(64)));

// The lower and the upper elements of a and b in turns; in each 16 bytes by themselves.
STRATA_INLINE u8x16 Low(u8x16 a, u8x16 b) {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}
STRATA_INLINE u8x16 High(u8x16 a, u8x16 b) {
  return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                 31);
}
STRATA_INLINE u16x8 Low(u16x8 a, u16x8 b) {
  return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}
STRATA_INLINE u16x8 High(u16x8 a, u16x8 b) {
  return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}
STRATA_INLINE u32x4 Low(u32x4 a, u32x4 b) { return __builtin_shufflevector(a, b, 0, 4, 1, 5); }
STRATA_INLINE u32x4 High(u32x4 a, u32x4 b) { return __builtin_shufflevector(a, b, 2, 6, 3, 7); }

// Pieces of 16 bytes of keys: one at a time in plain vectors; four side by side where vectors are wide, by instructions
// that GCC has no generic form of.
template <int kSize>
struct Piece;
template <>
struct Piece<1> {
  using type = u8x16;
};
template <>
struct Piece<2> {
  using type = u16x8;
};
template <>
struct Piece<4> {
  using type = u32x4;
};

template <int kSize>
struct Narrow16 {
  using Vector = typename Piece<kSize>::type;
  static constexpr int kPieces = 1;
  STRATA_INLINE_BODY static Vector Read(const char* const* from, int, int64_t offset) {
    Vector v;
    std::memcpy(&v, from[0] + offset, sizeof v);
    return v;
  }
  STRATA_INLINE_BODY static Vector Lower(Vector a, Vector b) { return Low(a, b); }
  STRATA_INLINE_BODY static Vector Upper(Vector a, Vector b) { return High(a, b); }
};

#if defined(__x86_64__)
template <int kSize>
struct Wide64 {
  using Vector = u8x64;
  static constexpr int kPieces = 4;
  STRATA_INLINE_BODY static Vector Read(const char* const* from, int step, int64_t offset) {
    using Bytes = const char(*)[16];
    Vector v, upper;
    __asm__(
        "vmovdqu32 %2, %x0\n\t"
        "vmovdqu32 %4, %x1\n\t"
        "vinserti32x4 $1, %3, %t0, %t0\n\t"
        "vinserti32x4 $1, %5, %t1, %t1\n\t"
        "vinserti64x4 $1, %t1, %0, %0"
        : "=&v"(v), "=&v"(upper)
        : "m"(*reinterpret_cast<Bytes>(from[0] + offset)),
          "m"(*reinterpret_cast<Bytes>(from[step] + offset)),
          "m"(*reinterpret_cast<Bytes>(from[2 * step] + offset)),
          "m"(*reinterpret_cast<Bytes>(from[3 * step] + offset)));
    return v;
  }
  STRATA_INLINE_BODY static Vector Lower(Vector a, Vector b) {
    Vector v;
    if constexpr (kSize == 1) __asm__("vpunpcklbw %2, %1, %0" : "=v"(v) : "v"(a), "v"(b));
    if constexpr (kSize == 2) __asm__("vpunpcklwd %2, %1, %0" : "=v"(v) : "v"(a), "v"(b));
    if constexpr (kSize == 4) __asm__("vpunpckldq %2, %1, %0" : "=v"(v) : "v"(a), "v"(b));
    return v;
  }
  STRATA_INLINE_BODY static Vector Upper(Vector a, Vector b) {
    Vector v;
    if constexpr (kSize == 1) __asm__("vpunpckhbw %2, %1, %0" : "=v"(v) : "v"(a), "v"(b));
    if constexpr (kSize == 2) __asm__("vpunpckhwd %2, %1, %0" : "=v"(v) : "v"(a), "v"(b));
    if constexpr (kSize == 4) __asm__("vpunpckhdq %2, %1, %0" : "=v"(v) : "v"(a), "v"(b));
    return v;
  }
};
#endif

// N elements, 16 bytes, of N keys a piece, at rows[piece * N + i] + offset: element e of the keys to out + e * step. Putting rows i
// and i + N / 2 together in turns, log2(N) times, is the turn.
template <typename Lanes, int kSize>
STRATA_INLINE void TurnTile(const char* const* rows, int64_t offset, char* out, int64_t step) {
  constexpr int N = 16 / kSize;
  typename Lanes::Vector z[N], t[N];
#pragma GCC unroll 16
  for (int i = 0; i < N; ++i) z[i] = Lanes::Read(rows + i, N, offset);
#pragma GCC unroll 4
  for (int half = 1; half < N; half *= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < N / 2; ++i) {
      t[2 * i] = Lanes::Lower(z[i], z[i + N / 2]);
      t[2 * i + 1] = Lanes::Upper(z[i], z[i + N / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < N; ++i) z[i] = t[i];
  }
#pragma GCC unroll 16
  for (int i = 0; i < N; ++i) std::memcpy(out + i * step, &z[i], sizeof z[i]);
}

constexpr int kAskTile = 8;  // lines asked for between tiles

template <typename Lanes, typename T>
STRATA_INLINE void TurnColumns(const BlockRows& keys, T* out, PagedAhead& ahead) {
  constexpr int kSize = sizeof(T), N = 16 / kSize, kKeys = N * Lanes::kPieces;
  constexpr int64_t kStep = kKeyBlock * kSize;
  const int64_t whole = keys.width / N * N;
  for (int64_t j = keys.begin / kKeys * kKeys; j < keys.end; j += kKeys) {
    const char* rows[kKeys];
    for (int64_t i = 0; i < kKeys; ++i) rows[i] = keys.rows[j + i] + keys.offset;
    char* to = reinterpret_cast<char*>(out + j);
    for (int64_t d = 0; d < whole; d += N) {
      ahead.Ask<kAskTile>();
      TurnTile<Lanes, kSize>(rows, d * kSize, to + d * kStep, kStep);
    }
    if (whole == keys.width) continue;
    // The last elements, from a copy, as there may be nothing behind them.
    char rest[kKeys][16] = {}, turned[N][kKeys * kSize];
    const size_t bytes = static_cast<size_t>(keys.width - whole) * kSize;
    for (int64_t i = 0; i < kKeys; ++i) {
      std::memcpy(rest[i], rows[i] + whole * kSize, bytes);
      rows[i] = rest[i];
    }
    TurnTile<Lanes, kSize>(rows, 0, turned[0], kKeys * kSize);
    for (int64_t d = whole; d < keys.width; ++d)
      std::memcpy(to + d * kStep, turned[d - whole], sizeof turned[0]);
  }
}

// out [width, 64]; meanwhile lines of `ahead` are asked for; keys that are not there may be left out.
template <bool kWide, typename T>
STRATA_INLINE void TurnBlock(const BlockRows& keys, T* out, PagedAhead& ahead) {
#if defined(__x86_64__)
  if constexpr (kWide) return TurnColumns<Wide64<sizeof(T)>>(keys, out, ahead);
#endif
  TurnColumns<Narrow16<sizeof(T)>>(keys, out, ahead);
}

}  // namespace strata::compiler::simd

#endif  // STRATA_COMPILER_KERNELS_CPU_PAGED_TURN_H_
