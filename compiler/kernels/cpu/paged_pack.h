// Blocks of 64 keys or values of one head, gathered from their slots, widened to f32 and laid out for the inner loops of
// paged attention (paged_blocks.h). The scales of int8 are not in them.
//
//   const char* rows[kKeyBlock] = ...;                              // where each key's elements begin
//   PackKeys({rows, kv * D * 2, chips::F16, D, 0, 64}, packed);     // [D, 64]
//   PackValues({rows, kv * D * 2, chips::F16, D, 0, 64}, values);   // [64, P]
#ifndef STRATA_COMPILER_KERNELS_CPU_PAGED_PACK_H_
#define STRATA_COMPILER_KERNELS_CPU_PAGED_PACK_H_

#include <cstdint>

#include "chips/numerics/dtype.h"

namespace strata::compiler {

inline constexpr int64_t kKeyBlock = 64;

// Keys or values of one head in a block, where they lie.
struct BlockRows {
  const char* const* rows;          // [64]: of each key; of any where one is not there
  int64_t offset = 0;               // bytes from there to the head's elements
  chips::DType dtype = chips::F32;  // F32, F16, BF16 or I8
  int64_t width = 0;                // elements
  int64_t begin = 0, end = 0;       // keys outside of [begin, end) are not there
};

// Elements of keys that are not there are any numbers.
void PackKeys(const BlockRows& keys, float* out);  // [width, 64]

// P is width rounded up to 16; elements beyond width are 0. Rows outside of [begin, end) are left as they were.
void PackValues(const BlockRows& values, float* out);  // [64, P]

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_KERNELS_CPU_PAGED_PACK_H_
