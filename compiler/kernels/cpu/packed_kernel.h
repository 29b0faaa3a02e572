// Kernels of products with packed weights (chips/numerics/packed_rows.h): tiles of 16 outputs x a few rows of x.
//
//   const PackedKernel& kernel = BestPackedKernel(*format);
//   kernel.round(layout, K, x, count, panel);                  // count rows of x, as the kernel reads them
//   kernel.tile[count]({layout, K, group, panel, y, columns}); // y[t][0 .. columns) = group · x[t]
//
// All tiles do the same fp32 operations in the same order for an element, whatever `count` is, so a row of y has the same
// bits beside any other rows. For codes that is, a block b of 32 weights after the other, with I the exact sum of codes
// times int8 (offset taken away), s the weights' scale, u x's:
//
//   g = float(I) * s                                  one scale a block
//   g = fma(float(I), s, -(min * float(sum of x)))    with a minimum
//   g = fma(float(I'), s', float(I) * s)              a scale for each 16 (q6_k)
//   y = fma(g, u, y)
//
// and for f32, f16 and bf16 y = fma(w, x, y) along k. (vdpbf16ps adds pairs of bf16 in its own way: bits are the machine's.)
//
// A panel is what `count` = T rows of x become: for each block of 32 along k
//   int8 [8][T][4]: elements 4j .. 4j + 3 of each row;  float [T]: u;  then by the layout's form
//   int32 [T] -offset * sum | float [T] sum | int32 [2][T] -offset * sums of the two halves (q6_k)
// and for floats [K][T] f32 or [K / 2][T] pairs of bf16.
#ifndef STRATA_COMPILER_KERNELS_CPU_PACKED_KERNEL_H_
#define STRATA_COMPILER_KERNELS_CPU_PACKED_KERNEL_H_

#include <array>
#include <cstdint>

#include "chips/numerics/packed_rows.h"

namespace strata::compiler {

inline constexpr int kPackedTileRows = 12;  // rows of x that a tile may have: 24 of 32 registers

struct PackedTile {
  const chips::PackedLayout& layout;
  int64_t K;
  const uint8_t* group;  // 16 rows of weights
  const uint8_t* panel;
  float* const* y;  // where the tile's rows go
  int64_t columns;  // at most 16 of each are written
  // Lines of 64 bytes that memory is asked for while the tile is at work, spread over it: what comes next.
  const uint8_t* ahead = nullptr;
  int64_t ahead_lines = 0;
};

struct PackedKernel {
  const char* name;  // its main instruction, for plans' reasons
  // Rows x[0 .. count), count <= kPackedTileRows, of K floats into a panel of count * PanelBytes().
  void (*round)(const chips::PackedLayout& layout, int64_t K, const float* const* x, int count,
                uint8_t* panel);
  std::array<void (*)(const PackedTile& tile), kPackedTileRows + 1> tile;  // by count; [0] unused
};

// Of one row of x.
int64_t PanelBytes(const chips::PackedLayout& layout, int64_t K);
// Of 32 elements of one row, where weights are codes.
int64_t PanelBlockBytes(const chips::PackedLayout& layout);

inline bool HasMin(chips::PackedForm form) {
  return form == chips::PackedForm::kNibblesMin || form == chips::PackedForm::kSuperNibbles ||
         form == chips::PackedForm::kSuperBytes;
}
inline bool IsFloatForm(chips::PackedForm form) {
  return form == chips::PackedForm::kFloat || form == chips::PackedForm::kHalf ||
         form == chips::PackedForm::kBf16Pair;
}

// Plain C++, for any machine and as the oracle of the others.
const PackedKernel& PlainPackedKernel();

// The fastest that this machine runs.
const PackedKernel& BestPackedKernel(const chips::PackedLayout& layout);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_KERNELS_CPU_PACKED_KERNEL_H_
