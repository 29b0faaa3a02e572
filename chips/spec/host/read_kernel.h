// Streams through memory as fast as one core can load.
#ifndef STRATA_CHIPS_SPEC_HOST_READ_KERNEL_H_
#define STRATA_CHIPS_SPEC_HOST_READ_KERNEL_H_

#include <cstddef>
#include <cstdint>

namespace strata::chips {

inline constexpr size_t kReadBlock = 512;  // bytes an iteration loads

// The exclusive or of all 64-bit words in [data, data + bytes). `data` is 64-byte aligned and
// `bytes` a multiple of kReadBlock. Uses the widest loads that this CPU has.
uint64_t ReadAll(const void* data, size_t bytes);

}  // namespace strata::chips

#endif  // STRATA_CHIPS_SPEC_HOST_READ_KERNEL_H_
