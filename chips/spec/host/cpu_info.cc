#include "chips/spec/host/cpu_info.h"

#include <sched.h>
#include <unistd.h>

#include <limits>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"

namespace strata::chips {
namespace {

// The file's text without surrounding blanks; empty when there is none.
std::string ReadTrimmed(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path);
  return text.ok() ? std::string(absl::StripAsciiWhitespace(*text)) : "";
}

std::vector<int> UsableCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) {
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
    }
  }
  if (cpus.empty()) cpus.push_back(0);
  return cpus;
}

std::vector<CacheInfo> CachesFromSysfs(const std::string& root) {
  std::map<int, CacheInfo> levels;
  std::map<int, std::set<std::string>> owners;  // level -> distinct groups of sharing CPUs
  for (const int cpu : UsableCpus()) {
    for (int index = 0;; ++index) {
      const std::string folder = absl::StrCat(root, "/cpu", cpu, "/cache/index", index);
      const std::string type = ReadTrimmed(JoinPath(folder, "type"));
      if (type.empty()) break;
      int level = 0;
      const int64_t bytes = ParseCacheSize(ReadTrimmed(JoinPath(folder, "size")));
      if (type == "Instruction" || bytes == 0) continue;
      if (!absl::SimpleAtoi(ReadTrimmed(JoinPath(folder, "level")), &level)) continue;
      owners[level].insert(ReadTrimmed(JoinPath(folder, "shared_cpu_list")));
      levels[level] = {level, bytes, static_cast<uint32_t>(owners[level].size()),
                       absl::StrCat("sysfs cpu/cache/index", index, "/size")};
    }
  }
  std::vector<CacheInfo> caches;
  for (const auto& [level, cache] : levels) caches.push_back(cache);
  return caches;
}

std::vector<CacheInfo> CachesFromSysconf() {
  std::vector<CacheInfo> caches;
#if defined(_SC_LEVEL1_DCACHE_SIZE)
  const int names[] = {_SC_LEVEL1_DCACHE_SIZE, _SC_LEVEL2_CACHE_SIZE, _SC_LEVEL3_CACHE_SIZE};
  for (int i = 0; i < 3; ++i) {
    const int64_t bytes = sysconf(names[i]);
    if (bytes > 0) caches.push_back({i + 1, bytes, 1, "sysconf"});
  }
#endif
  return caches;
}

}  // namespace

std::string CpuModelName() {
  const std::string text = ReadTrimmed("/proc/cpuinfo");
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::pair<absl::string_view, absl::string_view> field =
        absl::StrSplit(line, absl::MaxSplits(':', 1));
    if (absl::StripAsciiWhitespace(field.first) != "model name") continue;
    const absl::string_view name = absl::StripAsciiWhitespace(field.second);
    if (!name.empty()) return std::string(name);
  }
  return "unknown CPU";
}

int64_t PhysicalMemoryBytes() {
  const int64_t pages = sysconf(_SC_PHYS_PAGES);
  const int64_t page = sysconf(_SC_PAGE_SIZE);
  return pages > 0 && page > 0 ? pages * page : 0;
}

std::vector<CacheInfo> CpuCaches(const std::string& root) {
  std::vector<CacheInfo> caches = CachesFromSysfs(root);
  return caches.empty() ? CachesFromSysconf() : caches;
}

int64_t ParseCacheSize(absl::string_view text) {
  int64_t scale = 1;
  if (!text.empty() && text.back() == 'K') scale = int64_t{1} << 10;
  if (!text.empty() && text.back() == 'M') scale = int64_t{1} << 20;
  if (scale > 1) text.remove_suffix(1);
  int64_t count = 0;
  if (!absl::SimpleAtoi(text, &count) || count <= 0) return 0;
  return count > std::numeric_limits<int64_t>::max() / scale ? 0 : count * scale;
}

}  // namespace strata::chips
