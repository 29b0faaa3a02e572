// The cache of cache.h again, slow and obvious: the oracle of its tests. Every line of a set carries the
// time of its last use; the tree of tree-PLRU is walked from the root by halves.
#ifndef STRATA_CHIPS_MEMSYS_NAIVE_CACHE_H_
#define STRATA_CHIPS_MEMSYS_NAIVE_CACHE_H_

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "chips/memsys/cache.h"

namespace strata::chips::memsys {

class NaiveCache {
 public:
  // As Cache::Make() has checked it.
  explicit NaiveCache(const CacheConfig& config)
      : config_(config), sets_(config.bytes / (config.ways * config.line_bytes)) {}

  bool Touch(int64_t line) {
    std::vector<Way>& ways = Ways(line);
    for (size_t i = 0; i < ways.size(); ++i) {
      if (ways[i].line != line) continue;
      Use(line, i);
      return true;
    }
    return false;
  }

  std::optional<int64_t> Insert(int64_t line) {
    std::vector<Way>& ways = Ways(line);
    const size_t victim = Victim(line);
    const std::optional<int64_t> old = ways[victim].line;
    ways[victim].line = line;
    Use(line, victim);
    return old;
  }

  bool Remove(int64_t line) {
    for (Way& way : Ways(line)) {
      if (way.line != line) continue;
      way = {};
      return true;
    }
    return false;
  }

 private:
  struct Way {
    std::optional<int64_t> line;
    int64_t used = 0;
  };
  using Range = std::pair<size_t, size_t>;  // of ways: a node of the tree

  std::vector<Way>& Ways(int64_t line) {
    std::vector<Way>& ways = sets_of_ways_[line % sets_];
    ways.resize(static_cast<size_t>(config_.ways));
    return ways;
  }

  void Use(int64_t line, size_t way) {
    Ways(line)[way].used = ++now_;
    std::map<Range, bool>& older_right = trees_[line % sets_];
    Range node = {0, static_cast<size_t>(config_.ways)};
    while (node.second - node.first > 1) {
      const size_t middle = (node.first + node.second) / 2;
      const bool right = way >= middle;
      older_right[node] = !right;
      (right ? node.first : node.second) = middle;
    }
  }

  size_t Victim(int64_t line) {
    const std::vector<Way>& ways = Ways(line);
    for (size_t i = 0; i < ways.size(); ++i) {
      if (!ways[i].line) return i;
    }
    return config_.replacement == Replacement::kLru ? Oldest(ways) : OlderLeaf(line);
  }

  static size_t Oldest(const std::vector<Way>& ways) {
    size_t oldest = 0;
    for (size_t i = 1; i < ways.size(); ++i) {
      if (ways[i].used < ways[oldest].used) oldest = i;
    }
    return oldest;
  }

  size_t OlderLeaf(int64_t line) {
    Range node = {0, static_cast<size_t>(config_.ways)};
    while (node.second - node.first > 1) {
      const size_t middle = (node.first + node.second) / 2;
      (trees_[line % sets_][node] ? node.first : node.second) = middle;
    }
    return node.first;
  }

  CacheConfig config_;
  int64_t sets_;
  int64_t now_ = 0;
  std::map<int64_t, std::vector<Way>> sets_of_ways_;
  std::map<int64_t, std::map<Range, bool>> trees_;
};

}  // namespace strata::chips::memsys

#endif  // STRATA_CHIPS_MEMSYS_NAIVE_CACHE_H_
