// One set-associative cache: which lines it holds, not what is in them.
//
//   STRATA_ASSIGN_OR_RETURN(Cache l1, Cache::Make({.bytes = 32768, .ways = 8, .line_bytes = 64}));
//   if (!l1.Touch(line)) l1.Insert(line);
//
// A line is an address divided by line_bytes; it may lie in set (line mod sets). Replacement:
//
//   kLru       the line that was used longest ago goes
//   kTreePlru  a binary tree a set: each use turns the nodes on its way away from it, and the victim is
//              found by following them. An approximation of LRU with ways - 1 bits a set.
//
// Empty ways are filled first. Sources: Hennessy and Patterson, "Computer Architecture", 6th ed., appendix
// B; Al-Zoubi, Milenkovic, Milenkovic, "Performance evaluation of cache replacement policies for the SPEC
// CPU2000 benchmark suite", ACM-SE 2004 (tree-PLRU).
#ifndef STRATA_CHIPS_MEMSYS_CACHE_H_
#define STRATA_CHIPS_MEMSYS_CACHE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "base/status.h"

namespace strata::chips::memsys {

enum class Replacement { kLru, kTreePlru };

struct CacheConfig {
  int64_t bytes = 0;       // ways * line_bytes * a whole number of sets
  int64_t ways = 0;        // 1 ... 4096; for kTreePlru a power of two, at most 64
  int64_t line_bytes = 0;  // a power of two
  Replacement replacement = Replacement::kLru;
};

class Cache {
 public:
  // INVALID_ARGUMENT names the field at fault.
  static absl::StatusOr<Cache> Make(const CacheConfig& config);

  bool Contains(int64_t line) const;

  // Whether the line is there; if so it is now the last used.
  bool Touch(int64_t line);

  // Puts a line in that is not there; the line that had to go for it. Lines are at least 0.
  std::optional<int64_t> Insert(int64_t line);

  // Takes the line out; whether it was there.
  bool Remove(int64_t line);

  int64_t sets() const { return sets_; }
  const CacheConfig& config() const { return config_; }

 private:
  static constexpr int64_t kEmpty = -1;

  Cache(const CacheConfig& config, int64_t sets);

  int64_t* Set(int64_t line) { return &lines_[static_cast<size_t>(line % sets_ * config_.ways)]; }
  const int64_t* Set(int64_t line) const {
    return &lines_[static_cast<size_t>(line % sets_ * config_.ways)];
  }
  int64_t Find(int64_t line) const;  // its way, or ways
  void Use(int64_t line, int64_t way);
  int64_t Victim(int64_t line) const;

  CacheConfig config_;
  int64_t sets_;
  std::vector<int64_t> lines_;  // [set][way]; LRU: last used first, empty ways last
  std::vector<uint64_t>
      trees_;  // [set], PLRU: bit n points to the older half of node n, 1 the root
};

}  // namespace strata::chips::memsys

#endif  // STRATA_CHIPS_MEMSYS_CACHE_H_
