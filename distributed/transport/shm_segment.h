// ShmSegment: the memory that the ranks of one machine share: a block a rank and a ring a pair of
// ranks each way.
//
// It has no name in any file system (memfd), so there is nothing to be left behind: it ends with
// the last process that has it, however that ends.
#ifndef STRATA_DISTRIBUTED_TRANSPORT_SHM_SEGMENT_H_
#define STRATA_DISTRIBUTED_TRANSPORT_SHM_SEGMENT_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "distributed/transport/doorbell.h"
#include "distributed/transport/shm_ring.h"

namespace strata::distributed {

inline constexpr int kMostShmRanks = 256;

struct ShmRank {
  static constexpr size_t kMostReasonBytes = 1024;

  Doorbell bell;
  alignas(64) std::atomic<uint32_t> left = 0;
  pid_t pid = 0;
  uint32_t reason_bytes = 0;  // set before `left`, as is the reason
  char reason[kMostReasonBytes];
};

class ShmSegment {
 public:
  // For 1 to kMostShmRanks ranks.
  static absl::StatusOr<std::shared_ptr<ShmSegment>> Create(int ranks);
  // What another process has created; takes `fd` over. FAILED_PRECONDITION when the sizes differ.
  static absl::StatusOr<std::shared_ptr<ShmSegment>> Open(int fd, int ranks);
  ~ShmSegment();
  ShmSegment(const ShmSegment&) = delete;
  ShmSegment& operator=(const ShmSegment&) = delete;

  int fd() const { return fd_; }
  int ranks() const { return ranks_; }
  ShmRank& rank(int index);
  ShmRing& Between(int from, int to);
  size_t ring_capacity() const { return capacity_; }

 private:
  ShmSegment(int fd, int ranks);
  absl::Status Map();
  size_t bytes() const;

  int fd_;
  int ranks_;
  size_t capacity_;
  char* memory_ = nullptr;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_SHM_SEGMENT_H_
