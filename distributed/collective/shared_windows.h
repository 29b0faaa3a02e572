// SharedWindows: what the ranks of one process know of each other's memory, so that a collective may read and write a
// peer's operands where they lie (TransportCapabilities.one_address_space).
//
//   STRATA_RETURN_IF_ERROR(windows.Open(wire, mine));  // all ranks: from here on peers may use `mine`
//   Sum(windows.data(0), windows.data(1), ...);
//   STRATA_RETURN_IF_ERROR(windows.Close(wire));       // all ranks: from here on nobody does
//
// A rank whose Open() or Close() fails, as a peer has left or is too late, returns only when no peer uses its memory,
// and a peer that comes later finds the window closed: memory may be freed after an error, as after success. The first
// Open() makes the ranks known to each other: one more round of messages.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_SHARED_WINDOWS_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_SHARED_WINDOWS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.h"
#include "distributed/collective/wire.h"

namespace strata::distributed {

class SharedWindows {
 public:
  // INVALID_ARGUMENT when not all ranks open for the same call.
  absl::Status Open(Wire& wire, const void* mine);
  absl::Status Close(Wire& wire);

  // Of the call that is open.
  char* data(int rank) const { return offers_[static_cast<size_t>(rank)].data; }

 private:
  // One a rank, known to all. A peer first says that it is busy and then looks whether the window is closed; its owner
  // first closes it and then looks whether a peer is busy: one of the two sees the other.
  struct Window {
    alignas(64) std::atomic<int64_t> closed = 0;  // the last call whose memory is not to be used
    alignas(64) std::atomic<bool> busy = false;   // this rank is using memory of others
  };
  struct Offer {
    int64_t call;
    char* data;
    int64_t count;
    int64_t arguments;  // dtype, reduction and root
  };

  absl::Status Meet(Wire& wire);
  absl::Status CheckOffers() const;
  void Retreat();
  static void Keep(std::unique_ptr<std::shared_ptr<Window>> handle);

  std::vector<std::shared_ptr<Window>> windows_;  // by rank; empty before the first call
  std::vector<Offer> offers_;                     // by rank
  int rank_ = 0;
  int64_t call_ = 0;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_SHARED_WINDOWS_H_
