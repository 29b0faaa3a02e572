// Wire: what a collective algorithm is written with. One call's messages between the ranks of a transport,
// or of some of them: exchanges that combine what comes with what is here, and memory to work in.
//
//   absl::Status OneStepOfARing(Wire& wire, const Segments& parts) {  // reduce-scatter
//     const int r = wire.rank(), n = wire.size();
//     return wire.ExchangeCombine((r + 1) % n, parts[r - 1], (r + n - 1) % n, parts[r - 2], parts[r - 2].data);
//   }
//
// Empty messages are not sent: both ends know the sizes. Messages carry the call's tag, so that ranks that
// make different calls find out.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_WIRE_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_WIRE_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/status.h"
#include "distributed/collective/call.h"
#include "distributed/collective/link_model.h"
#include "distributed/collective/segments.h"
#include "distributed/transport/transport.h"

namespace strata::distributed {

class SharedWindows;

// Memory that calls share, as long as their Collectives lives. What a slot held is lost when it is asked for again.
class Workspace {
 public:
  enum Slot { kStaging, kExchange, kSlots };  // a whole operand; what one step sends or gets

  // At least so many bytes, aligned to 64; not cleared.
  char* Get(Slot slot, int64_t bytes);

  std::shared_ptr<SharedWindows> windows;  // of "shared"; made by its first call

 private:
  struct Free {
    void operator()(char* memory) const;
  };
  std::unique_ptr<char[], Free> memory_[kSlots];
  int64_t bytes_[kSlots] = {};
};

class Wire {
 public:
  // All must outlive this.
  Wire(Transport& transport, int tag, const Call& call, const Tuning& tuning, Workspace& workspace)
      : transport_(transport),
        tag_(tag),
        call_(call),
        tuning_(tuning),
        workspace_(workspace),
        rank_(transport.rank()),
        size_(transport.size()),
        call_size_(size_) {}

  // The same call between some of this wire's ranks, in this order; this rank is ranks[index].
  Wire Among(const std::vector<int>& ranks, int index) const;
  // The same ranks counted from the root, which is 0 then.
  Wire FromRoot(int root) const;

  int rank() const { return rank_; }
  int size() const { return size_; }
  const Call& call() const { return call_; }
  const Tuning& tuning() const { return tuning_; }
  char* Memory(Workspace::Slot slot, int64_t bytes) { return workspace_.Get(slot, bytes); }
  Workspace& workspace() { return workspace_; }

  absl::Status Send(int to, View out);
  absl::Status Recv(int from, Piece in);
  absl::Status Exchange(int to, View out, int from, Piece in);

  // own = what comes, combined with own; what comes is the first operand, or the second.
  enum Order { kArrivedFirst, kOwnFirst };
  absl::Status RecvCombine(int from, Piece own, Order order = kArrivedFirst);

  // And sends, at the same time. `result` may be `own`. It may be `out` only where the sizes allow it:
  absl::Status ExchangeCombine(int to, View out, int from, View own, char* result,
                               Order order = kArrivedFirst);
  bool MayOverwrite(int64_t out_bytes) const;

  // The same where what comes is for several places, one after the other.
  absl::Status ExchangeCombine(int to, View out, int from, absl::Span<const Piece> own);

  // result = a and b combined, of memory that this rank can read.
  void CombineHere(const char* a, const char* b, Piece result);

  // Between all ranks of the transport.
  absl::Status Barrier() { return transport_.Barrier(); }

  // Divides a mean by the ranks of the call; to be done once, of what is whole.
  void Finish(Piece whole);

  // Copies, where the two are not the same memory.
  static void Copy(char* to, View from);

 private:
  int Below(int peer) const { return below_.empty() ? peer : below_[static_cast<size_t>(peer)]; }
  Outgoing Out(int to, View out) const;

  Transport& transport_;
  int tag_;
  const Call& call_;
  const Tuning& tuning_;
  Workspace& workspace_;
  std::vector<int> below_;  // the transport's rank for each of this wire's; empty: the same
  int rank_;
  int size_;
  int call_size_;  // of the call that this is a part of
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_WIRE_H_
