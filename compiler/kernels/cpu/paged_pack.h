// Blocks of 64 keys or values of one head, gathered from their slots, widened to f32 and laid out for the inner loops of
// paged attention (paged_blocks.h).
//
//   const CacheHead keys{k + kv * D, chips::F16, KV * D, D, nullptr, 0};
//   PackKeys(keys, slots, packed);          // [D, 64]
//   PackValues(values, slots, packed_v);    // [64, P]
#ifndef STRATA_COMPILER_KERNELS_CPU_PAGED_PACK_H_
#define STRATA_COMPILER_KERNELS_CPU_PAGED_PACK_H_

#include <cstdint>

#include "chips/numerics/dtype.h"

namespace strata::compiler {

inline constexpr int64_t kKeyBlock = 64;

// One head of a cache [slots, KV, width]: element d of slot s is data[s * stride + d], times scale[s * scale_stride] in
// int8.
struct CacheHead {
  const void* data = nullptr;
  chips::DType dtype = chips::F32;  // F32, F16, BF16 or I8
  int64_t stride = 0;               // elements between slots
  int64_t width = 0;                // of them, that are wanted
  const float* scale = nullptr;     // of slot 0; null unless I8
  int64_t scale_stride = 0;
};

// slots [64]: -1 where a key is not there; its elements are any numbers then.
void PackKeys(const CacheHead& cache, const int32_t* slots, float* out);  // [width, 64]

// P is width rounded up to 16; elements beyond width are 0. Rows of slot -1 are left as they were.
void PackValues(const CacheHead& cache, const int32_t* slots, float* out);  // [64, P]

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_KERNELS_CPU_PAGED_PACK_H_
