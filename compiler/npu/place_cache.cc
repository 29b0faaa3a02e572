#include "compiler/npu/place_cache.h"

namespace strata::compiler {

PlaceCache::PlaceCache(int64_t places)
    : next_(static_cast<size_t>(places + 1)),
      previous_(next_.size()),
      keys_(next_.size()),
      used_(next_.size()),
      places_(places) {
  for (int64_t i = 0; i <= places; ++i) {
    next_[static_cast<size_t>(i)] = (i + 1) % (places + 1);
    previous_[static_cast<size_t>(i)] = (i + places) % (places + 1);
  }
}

void PlaceCache::MoveToFront(int64_t place) {
  const size_t p = static_cast<size_t>(place), ring = static_cast<size_t>(places_);
  next_[static_cast<size_t>(previous_[p])] = next_[p];
  previous_[static_cast<size_t>(next_[p])] = previous_[p];
  next_[p] = next_[ring];
  previous_[p] = places_;
  previous_[static_cast<size_t>(next_[ring])] = place;
  next_[ring] = place;
}

PlaceCache::Found PlaceCache::Touch(int64_t key) {
  const auto it = place_of_.find(key);
  if (it != place_of_.end()) {
    MoveToFront(it->second);
    return {it->second, true};
  }
  const int64_t place = previous_[static_cast<size_t>(places_)];
  const size_t p = static_cast<size_t>(place);
  if (used_[p]) place_of_.erase(keys_[p]);
  used_[p] = true;
  keys_[p] = key;
  place_of_[key] = place;
  MoveToFront(place);
  return {place, false};
}

}  // namespace strata::compiler
