// ShmRing: a stream of bytes from one process to another through shared memory: a ring that one
// writes and one reads, without locks. What is read may be read in place.
//
//   ring->Write(parts, capacity); Ring(reader_bell);         // the writer
//   Bytes come = ring->Peek(capacity); ...; ring->Skip(n); Ring(writer_bell);   // the reader
//
// All bits zero is an empty ring. Lamport, Proving the correctness of multiprocess programs (1977).
#ifndef STRATA_DISTRIBUTED_TRANSPORT_SHM_RING_H_
#define STRATA_DISTRIBUTED_TRANSPORT_SHM_RING_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"

namespace strata::distributed {

class ShmRing {
 public:
  using Bytes = absl::Span<const char>;

  // Of a ring of `capacity` bytes: a power of 2, the same in all calls, at least 256.
  static size_t SizeOf(size_t capacity) { return sizeof(ShmRing) + capacity; }

  // The writer's. Takes what there is room for.
  size_t Write(absl::Span<const Bytes> parts, size_t capacity);
  bool HasRoom(size_t capacity) const {
    return written_.load(std::memory_order_relaxed) - read_.load(std::memory_order_acquire) <
           capacity;
  }

  // The reader's. At most a quarter of the ring at once, so that the writer goes on meanwhile.
  Bytes Peek(size_t capacity) const;
  void Skip(size_t bytes) { read_.fetch_add(bytes); }
  bool HasBytes() const {
    return written_.load(std::memory_order_acquire) != read_.load(std::memory_order_relaxed);
  }

 private:
  char* data() { return reinterpret_cast<char*>(this + 1); }
  const char* data() const { return reinterpret_cast<const char*>(this + 1); }
  void Put(const char* from, size_t bytes, uint64_t at, size_t capacity);

  alignas(64) std::atomic<uint64_t> written_ = 0;  // bytes since the begin
  uint64_t read_seen_ =
      0;  // the writer's: `read_` when it last looked, which costs it a cache miss
  alignas(64) std::atomic<uint64_t> read_ = 0;
};

static_assert(std::atomic<uint64_t>::is_always_lock_free, "lies in memory of several processes");

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_SHM_RING_H_
