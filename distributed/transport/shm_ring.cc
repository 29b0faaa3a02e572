#include "distributed/transport/shm_ring.h"

#include <algorithm>
#include <cstring>

namespace strata::distributed {

void ShmRing::Put(const char* from, size_t bytes, uint64_t at, size_t capacity) {
  const size_t place = at & (capacity - 1);
  const size_t first = std::min(bytes, capacity - place);
  std::memcpy(data() + place, from, first);
  if (bytes > first) std::memcpy(data(), from + first, bytes - first);
}

size_t ShmRing::Write(absl::Span<const Bytes> parts, size_t capacity) {
  const uint64_t start = written_.load(std::memory_order_relaxed);
  size_t wanted = 0;
  for (const Bytes& part : parts) wanted += part.size();
  if (capacity - (start - read_seen_) < wanted) read_seen_ = read_.load(std::memory_order_acquire);
  size_t room = capacity - (start - read_seen_);
  uint64_t at = start;
  for (const Bytes& part : parts) {
    const size_t bytes = std::min({part.size(), room, capacity / 4});
    if (bytes > 0) Put(part.data(), bytes, at, capacity);
    at += bytes;
    room -= bytes;
    if (bytes < part.size()) break;
  }
  // A full barrier: the look at the reader's bell comes after.
  if (at != start) written_.exchange(at);
  return at - start;
}

ShmRing::Bytes ShmRing::Peek(size_t capacity) const {
  const uint64_t start = read_.load(std::memory_order_relaxed);
  const size_t place = start & (capacity - 1);
  const size_t come = written_.load(std::memory_order_acquire) - start;
  return Bytes(data() + place, std::min({come, capacity - place, capacity / 4}));
}

}  // namespace strata::distributed
