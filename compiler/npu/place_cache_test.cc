#include "compiler/npu/place_cache.h"

#include <algorithm>
#include <random>

#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

// The definition: places in order of use, the latest first.
class SlowCache {
 public:
  explicit SlowCache(int64_t places) {
    for (int64_t p = 0; p < places; ++p) order_.push_back({p, -1});
  }
  PlaceCache::Found Touch(int64_t key) {
    auto it =
        std::find_if(order_.begin(), order_.end(), [key](auto& e) { return e.second == key; });
    const bool hit = it != order_.end();
    if (!hit) it = order_.end() - 1;
    const auto entry = std::pair(it->first, key);
    order_.erase(it);
    order_.insert(order_.begin(), entry);
    return {entry.first, hit};
  }

 private:
  std::vector<std::pair<int64_t, int64_t>> order_;  // place, key
};

TEST(PlaceCache, GivesAwayTheLeastRecentlyUsed) {
  std::mt19937 random(3);
  for (const int64_t places : {1, 2, 3, 7, 40}) {
    PlaceCache cache(places);
    SlowCache slow(places);
    std::vector<int64_t> holds(static_cast<size_t>(places), -1);
    for (int i = 0; i < 2000; ++i) {
      const int64_t key = static_cast<int64_t>(random() % static_cast<uint32_t>(2 * places + 1));
      const PlaceCache::Found found = cache.Touch(key);
      EXPECT_EQ(found.hit, slow.Touch(key).hit) << places << ", " << i;
      ASSERT_LT(found.place, places);
      int64_t& held = holds[static_cast<size_t>(found.place)];
      EXPECT_EQ(found.hit, held == key);
      held = key;
    }
  }
}

}  // namespace
}  // namespace strata::compiler
