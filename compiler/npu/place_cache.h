// PlaceCache: which of a few equal places of a memory holds which tile; the least recently used one is
// given away.
//
//   PlaceCache cache(4);
//   const PlaceCache::Found found = cache.Touch(key);
//   if (!found.hit) ... load tile `key` into place found.place ...
//
// The compiler asks it twice: to count what a tiling would load, and then to emit just those loads.
#ifndef STRATA_COMPILER_NPU_PLACE_CACHE_H_
#define STRATA_COMPILER_NPU_PLACE_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace strata::compiler {

class PlaceCache {
 public:
  struct Found {
    int64_t place = 0;
    bool hit = false;
  };

  explicit PlaceCache(int64_t places);  // at least one

  // The key's place from now on. Those touched last keep theirs: of the `places` last touched keys all
  // are there.
  Found Touch(int64_t key);

 private:
  void MoveToFront(int64_t place);

  std::vector<int64_t> next_, previous_;  // places in order of use, a ring around places_
  std::vector<int64_t> keys_;
  std::vector<bool> used_;
  int64_t places_;
  std::unordered_map<int64_t, int64_t> place_of_;
};

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_NPU_PLACE_CACHE_H_
