// A chain of caches before a memory: where each access finds its line, and what that costs.
//
//   CacheHierarchyConfig config;
//   config.levels = {{.cache = {32768, 8, 64}, .latency = 4}, {.cache = {1 << 20, 8, 64}, .latency = 14}};
//   config.memory_latency = 200;
//   STRATA_ASSIGN_OR_RETURN(CacheHierarchy memory, CacheHierarchy::Make(config));
//   double cycles = memory.Access(address).latency;
//
// The chain is inclusive: what a level holds, all levels behind it hold; a line that leaves a level leaves
// those before it ("back-invalidation"). An access asks level after level; the level that has the line (or
// the memory, which has all) tells its cost: latencies are those of a load from there, in full, in any unit.
// On the way back the line enters every level that missed. All levels have lines of one size. Writes count
// as reads.
//
// Prefetch of a level, on accesses that reach it:
//   kNextLine  on a miss, and on the first use of a line that was prefetched: the line after it
//   kStride    a table of streams (an access names its stream, as an instruction's address would): when two
//              steps in a row are equal and not 0, the line one step further
// What is prefetched enters the level and those behind it, at no cost and in time: the model counts what a
// prefetcher finds, not how late it comes. Prefetched lines count in no level's hits or misses.
//
// Sources: Hennessy and Patterson, 6th ed., sections 2.3 and B.3; Smith, "Cache memories", Computing
// Surveys 14(3), 1982 (tagged next-line); Fu, Patel, Janssens, "Stride directed prefetching in scalar
// processors", MICRO 1992.
#ifndef STRATA_CHIPS_MEMSYS_CACHE_HIERARCHY_H_
#define STRATA_CHIPS_MEMSYS_CACHE_HIERARCHY_H_

#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/status.h"
#include "chips/memsys/cache.h"

namespace strata::chips::memsys {

enum class Prefetch { kNone, kNextLine, kStride };

struct CacheLevelConfig {
  CacheConfig cache;
  double latency = 0;  // >= 0 and finite
  Prefetch prefetch = Prefetch::kNone;
};

struct CacheHierarchyConfig {
  std::vector<CacheLevelConfig> levels;  // nearest first; #levels >= 1
  double memory_latency = 0;
};

struct CacheLevelStats {
  int64_t hits = 0;
  int64_t misses = 0;
  int64_t prefetches = 0;          // lines brought in by this level's prefetcher
  int64_t useful_prefetches = 0;   // of those, used before they left
  int64_t evictions = 0;           // for want of room
  int64_t back_invalidations = 0;  // because a level behind evicted the line
};

struct AccessResult {
  size_t level = 0;  // that had the line; #levels for the memory
  double latency = 0;
};

class CacheHierarchy {
 public:
  // INVALID_ARGUMENT: "levels[1].cache.ways: ...".
  static absl::StatusOr<CacheHierarchy> Make(const CacheHierarchyConfig& config);

  AccessResult Access(int64_t address, int64_t stream = 0);  // address >= 0

  const std::vector<CacheLevelStats>& stats() const { return stats_; }

  bool Contains(size_t level, int64_t address) const;

 private:
  struct Stream {
    int64_t line = -1;
    int64_t step = 0;
  };
  struct Level {
    Cache cache;
    std::unordered_set<int64_t> prefetched;  // and not used since
    std::unordered_map<int64_t, Stream> streams;
  };

  CacheHierarchy(const CacheHierarchyConfig& config, std::vector<Level> levels);

  void Fill(size_t level, int64_t line);
  void TrainAndPrefetch(size_t level, int64_t line, int64_t stream, bool hit, bool first_use);
  void PrefetchLine(size_t level, int64_t line);

  CacheHierarchyConfig config_;
  std::vector<Level> levels_;
  std::vector<CacheLevelStats> stats_;
};

}  // namespace strata::chips::memsys

#endif  // STRATA_CHIPS_MEMSYS_CACHE_HIERARCHY_H_
