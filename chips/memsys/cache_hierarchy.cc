#include "chips/memsys/cache_hierarchy.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"

namespace strata::chips::memsys {
namespace {

absl::Status CheckLatency(double latency, absl::string_view path) {
  if (latency >= 0 && std::isfinite(latency)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": ", latency, " is no cost; give a number of at least 0"));
}

}  // namespace

absl::StatusOr<CacheHierarchy> CacheHierarchy::Make(const CacheHierarchyConfig& config) {
  if (config.levels.empty()) {
    return absl::InvalidArgumentError("levels: none; a hierarchy has at least one cache");
  }
  std::vector<Level> levels;
  for (size_t i = 0; i < config.levels.size(); ++i) {
    const CacheLevelConfig& level = config.levels[i];
    const std::string path = absl::StrCat("levels[", i, "].");
    STRATA_RETURN_IF_ERROR(CheckLatency(level.latency, absl::StrCat(path, "latency")));
    absl::StatusOr<Cache> cache = Cache::Make(level.cache);
    if (!cache.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(path, "cache.", cache.status().message()));
    }
    if (level.cache.line_bytes != config.levels[0].cache.line_bytes) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, "cache.line_bytes: ", level.cache.line_bytes,
                       " differs from the first level's ", config.levels[0].cache.line_bytes));
    }
    levels.push_back({*std::move(cache), {}, {}});
  }
  STRATA_RETURN_IF_ERROR(CheckLatency(config.memory_latency, "memory_latency"));
  return CacheHierarchy(config, std::move(levels));
}

CacheHierarchy::CacheHierarchy(const CacheHierarchyConfig& config, std::vector<Level> levels)
    : config_(config), levels_(std::move(levels)), stats_(levels_.size()) {}

bool CacheHierarchy::Contains(size_t level, int64_t address) const {
  return levels_[level].cache.Contains(address / config_.levels[0].cache.line_bytes);
}

AccessResult CacheHierarchy::Access(int64_t address, int64_t stream) {
  const int64_t line = address / config_.levels[0].cache.line_bytes;
  size_t found = 0;
  while (found < levels_.size() && !levels_[found].cache.Touch(line)) ++found;
  for (size_t i = found; i-- > 0;) Fill(i, line);
  for (size_t i = 0; i < levels_.size() && i <= found; ++i) {
    const bool hit = i == found;
    ++(hit ? stats_[i].hits : stats_[i].misses);
    const bool first_use = hit && levels_[i].prefetched.erase(line) > 0;
    if (first_use) ++stats_[i].useful_prefetches;
    TrainAndPrefetch(i, line, stream, hit, first_use);
  }
  if (found == levels_.size()) return {found, config_.memory_latency};
  return {found, config_.levels[found].latency};
}

// The line's way into one level; what must go for it goes from the levels before too.
void CacheHierarchy::Fill(size_t level, int64_t line) {
  const std::optional<int64_t> victim = levels_[level].cache.Insert(line);
  if (!victim) return;
  ++stats_[level].evictions;
  levels_[level].prefetched.erase(*victim);
  for (size_t i = 0; i < level; ++i) {
    if (!levels_[i].cache.Remove(*victim)) continue;
    ++stats_[i].back_invalidations;
    levels_[i].prefetched.erase(*victim);
  }
}

void CacheHierarchy::TrainAndPrefetch(size_t level, int64_t line, int64_t stream, bool hit,
                                      bool first_use) {
  switch (config_.levels[level].prefetch) {
    case Prefetch::kNone:
      return;
    case Prefetch::kNextLine:
      if (!hit || first_use) PrefetchLine(level, line + 1);
      return;
    case Prefetch::kStride: {
      Stream& seen = levels_[level].streams[stream];
      const int64_t step = seen.line < 0 ? 0 : line - seen.line;
      if (step != 0 && step == seen.step && line + step >= 0) PrefetchLine(level, line + step);
      seen = {line, step};
      return;
    }
  }
}

void CacheHierarchy::PrefetchLine(size_t level, int64_t line) {
  if (levels_[level].cache.Contains(line)) return;
  size_t found = level + 1;
  while (found < levels_.size() && !levels_[found].cache.Touch(line)) ++found;
  for (size_t i = found; i-- > level;) Fill(i, line);
  levels_[level].prefetched.insert(line);
  ++stats_[level].prefetches;
}

}  // namespace strata::chips::memsys
