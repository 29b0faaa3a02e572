#include "compiler/kernels/cpu/paged_pack.h"

#include "compiler/kernels/cpu/paged_widen.h"

namespace strata::compiler {
namespace {

using namespace simd;  // NOLINT

template <bool kWide, typename T>
STRATA_INLINE void PackKeysOf(const BlockRows& keys, float* out) {
  for (int64_t j = keys.begin / 16 * 16; j < keys.end; j += 16) {
    const T* rows[16];
    for (int64_t i = 0; i < 16; ++i)
      rows[i] = reinterpret_cast<const T*>(keys.rows[j + i] + keys.offset);
    TurnWholeKeys<kWide>(rows, keys.width, out + j, kKeyBlock);
  }
}

template <bool kWide, typename T>
STRATA_INLINE void PackValuesOf(const BlockRows& values, float* out) {
  const int64_t P = (values.width + 15) / 16 * 16, whole = values.width / 16 * 16;
  for (int64_t i = values.begin; i < values.end; ++i) {
    const T* from = reinterpret_cast<const T*>(values.rows[i] + values.offset);
    float* to = out + i * P;
    for (int64_t d = 0; d < whole; d += 16) Store(to + d, Widen<kWide>(from + d));
    if (whole < P) Store(to + whole, WidenPart<kWide>(from + whole, values.width - whole));
  }
}

STRATA_KERNEL(PackKeysKernel, (const BlockRows& keys, float* out),
              (keys, out)){STRATA_PAGED_DISPATCH(keys.dtype, PackKeysOf, (keys, out))}

STRATA_KERNEL(PackValuesKernel, (const BlockRows& values, float* out), (values, out)) {
  STRATA_PAGED_DISPATCH(values.dtype, PackValuesOf, (values, out))
}

}  // namespace

void PackKeys(const BlockRows& keys, float* out) { PackKeysKernel(keys, out); }
void PackValues(const BlockRows& values, float* out) { PackValuesKernel(values, out); }

}  // namespace strata::compiler
