// What the operating system says about this CPU. Never fails: what is unknown is empty or zero.
#ifndef STRATA_CHIPS_SPEC_HOST_CPU_INFO_H_
#define STRATA_CHIPS_SPEC_HOST_CPU_INFO_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace strata::chips {

// A level of data or unified cache.
struct CacheInfo {
  int level = 0;      // 1, 2, 3
  int64_t bytes = 0;  // of one instance
  uint32_t instances = 0;
  std::string how;  // where the size was read
};

// "/proc/cpuinfo"'s model name, or "unknown CPU".
std::string CpuModelName();

int64_t PhysicalMemoryBytes();

// Nearest first; the caches of the CPUs this process may run on. `root` replaces
// /sys/devices/system/cpu in tests; without it there, what sysconf() says, for one instance each.
std::vector<CacheInfo> CpuCaches(const std::string& root = "/sys/devices/system/cpu");

// Bytes of a sysfs size, "32K", "1024K", "8M", "512"; 0 when malformed.
int64_t ParseCacheSize(absl::string_view text);

}  // namespace strata::chips

#endif  // STRATA_CHIPS_SPEC_HOST_CPU_INFO_H_
