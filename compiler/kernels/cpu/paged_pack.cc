#include "compiler/kernels/cpu/paged_pack.h"

#include "compiler/kernels/cpu/paged_widen.h"

namespace strata::compiler {
namespace {

using namespace simd;  // NOLINT

template <bool kWide, typename T>
STRATA_INLINE void PackKeysOf(const CacheHead& cache, const int32_t* slots, float* out) {
  const T* rows[kKeyBlock];
  float scales[kKeyBlock];
  if (!FindRows(cache, slots, rows, scales)) return;
  for (int64_t j = 0; j < kKeyBlock; j += 16) {
    if (AnyOf16(slots + j))
      TurnWholeKeys<kWide>(rows + j, scales + j, cache.width, out + j, kKeyBlock);
  }
}

template <bool kWide, typename T>
STRATA_INLINE void PackValuesOf(const CacheHead& cache, const int32_t* slots, float* out) {
  const int64_t P = (cache.width + 15) / 16 * 16, whole = cache.width / 16 * 16;
  for (int64_t i = 0; i < kKeyBlock; ++i) {
    const int64_t slot = slots[i];
    if (slot < 0) continue;
    const T* from = static_cast<const T*>(cache.data) + slot * cache.stride;
    float* to = out + i * P;
    v16 scale = {};
    if constexpr (sizeof(T) == 1) scale = Splat(cache.scale[slot * cache.scale_stride]);
    for (int64_t d = 0; d < whole; d += 16) {
      const v16 x = Widen<kWide>(from + d);
      Store(to + d, sizeof(T) == 1 ? x * scale : x);
    }
    if (whole == P) continue;
    const v16 x = WidenPart<kWide>(from + whole, cache.width - whole);
    Store(to + whole, sizeof(T) == 1 ? x * scale : x);
  }
}

STRATA_KERNEL(PackKeysKernel, (const CacheHead& cache, const int32_t* slots, float* out),
              (cache, slots, out)){
    STRATA_PAGED_DISPATCH(cache.dtype, PackKeysOf, (cache, slots, out))}

STRATA_KERNEL(PackValuesKernel, (const CacheHead& cache, const int32_t* slots, float* out),
              (cache, slots, out)) {
  STRATA_PAGED_DISPATCH(cache.dtype, PackValuesOf, (cache, slots, out))
}

}  // namespace

void PackKeys(const CacheHead& cache, const int32_t* slots, float* out) {
  PackKeysKernel(cache, slots, out);
}
void PackValues(const CacheHead& cache, const int32_t* slots, float* out) {
  PackValuesKernel(cache, slots, out);
}

}  // namespace strata::compiler
