// Transport: bytes between the ranks of one run. Collectives are written once against it; threads,
// MPI and a simulated network stand under it.
//
//   absl::Status Shift(Transport& t, const float* mine, float* theirs, size_t bytes) {
//     const int next = (t.rank() + 1) % t.size(), previous = (t.rank() + t.size() - 1) % t.size();
//     return t.SendRecv({next, kTag, mine, bytes}, {previous, kTag, theirs, bytes});
//   }
//
// Contract:
// - Messages from one rank to another arrive in the order sent. A receive names the tag and the
//   exact size of the next one; another tag or size is INVALID_ARGUMENT at the receiver, and the
//   message is dropped.
// - Send may return before the message was received, or only then: two ranks that both must send
//   before they receive use SendRecv, whose two halves never wait for each other. Messages of zero
//   bytes are messages.
// - Nothing waits longer than timeout(): DEADLINE_EXCEEDED names the ranks, the tag and the size. A
//   peer that left is UNAVAILABLE with the reason it gave, mostly long before that.
// - A receive that timed out may be tried again with the same arguments. After any other error the
//   run cannot go on: leave it. Memory given to a send that failed stays valid until Leave(),
//   unless the implementation says otherwise.
// - One thread at a time uses a transport.
//
// Receiving in pieces. What is combined with own data need not be stored first: `take` is given the
// message where it lies (the sender's memory, a shared ring, a small buffer), so that a reduction
// reads it once:
//
//   const auto add = [&](size_t offset, const void* piece, size_t bytes) {
//     Add(sum + offset / sizeof(float), static_cast<const float*>(piece), bytes / sizeof(float));
//   };
//   t.SendRecvPieces({next, kTag, mine, bytes}, {previous, kTag, bytes, add});
//
// `take` gets each byte once, in order of `offset`. Pieces but the last are multiples of
// kPieceUnit bytes, so no element is cut; a piece is valid during its call only, and is aligned as
// the sender's memory was or better. A message of zero bytes has no piece. `take` calls no
// transport.
#ifndef STRATA_DISTRIBUTED_TRANSPORT_TRANSPORT_H_
#define STRATA_DISTRIBUTED_TRANSPORT_TRANSPORT_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "base/status.h"

namespace strata::distributed {

struct Outgoing {
  int peer = 0;
  int tag = 0;  // [0, kMaxTag]
  const void* data = nullptr;
  size_t bytes = 0;
};

struct Incoming {
  int peer = 0;
  int tag = 0;
  void* data = nullptr;
  size_t bytes = 0;  // exact
};

using TakePiece = absl::FunctionRef<void(size_t offset, const void* piece, size_t bytes)>;

struct IncomingPieces {
  int peer = 0;
  int tag = 0;
  size_t bytes = 0;  // exact, of the whole message
  TakePiece take;
};

inline constexpr size_t kPieceUnit = 64;

inline constexpr int kMaxTag = 29999;
inline constexpr int kBarrierTag = 30000;  // of Barrier(); no user message has it

struct TransportCapabilities {
  bool between_processes = false;  // ranks may be in other processes, on other machines
  bool send_waits = false;         // Send of a large message returns only after it was received
  // Ranks are in one address space: an address sent as a message may be read and written by the
  // peer, until both have agreed by further messages that it is done. (Each rank reduces its part
  // of all ranks' buffers in one pass: the least that memory must move.)
  bool one_address_space = false;
  // In SendRecvPieces `take` may overwrite the memory that is being sent when that is at most so
  // many bytes: it has been read by then. (Recursive doubling in place.)
  size_t overwrite_bytes = 0;
};

class Transport {
 public:
  using Duration = std::chrono::nanoseconds;

  virtual ~Transport() = default;
  virtual std::string name() const = 0;  // of the kind: "thread", "mpi"
  virtual TransportCapabilities capabilities() const = 0;
  virtual int rank() const = 0;  // [0, size())
  virtual int size() const = 0;

  // INVALID_ARGUMENT when the peer or the tag is out of range or the peer is this rank itself.
  absl::Status Send(const Outgoing& message);
  absl::Status Recv(const Incoming& message);
  absl::Status SendRecv(const Outgoing& out, const Incoming& in);

  // The same with a receive in pieces. After an error some pieces may have been taken; a receive
  // that is tried again goes on behind them. See above, and overwrite_bytes.
  absl::Status RecvPieces(const IncomingPieces& message);
  absl::Status SendRecvPieces(const Outgoing& out, const IncomingPieces& in);

  // Returns when every rank has called it. Dissemination: ceil(log2(size)) rounds of empty
  // messages.
  absl::Status Barrier();

  // Takes leave of the run: `reason` is what peers that still wait for this rank are told. Later
  // calls are FAILED_PRECONDITION. The destructor does it when nobody has. Only the first call
  // counts.
  void Leave(const absl::Status& reason);

  // Leaves, and hears for up to `grace` why the others leave: a text a rank; empty for this rank, and
  // for one that said nothing: it hangs, or it knows of no trouble yet. For the error that ends a
  // run, so that each rank can name the one that is to blame. Returns as soon as all have spoken.
  std::vector<std::string> LeaveAndListen(const absl::Status& reason, Duration grace);

  // How long a call may wait. Long enough for a peer that compiles or writes a checkpoint
  // meanwhile.
  Duration timeout() const { return timeout_; }
  void set_timeout(Duration timeout) { timeout_ = timeout; }

 protected:
  // Of an implementation; the arguments are checked.
  virtual absl::Status DoSend(const Outgoing& message) = 0;
  virtual absl::Status DoRecv(const Incoming& message) = 0;
  virtual absl::Status DoSendRecv(const Outgoing& out, const Incoming& in) = 0;
  virtual void DoLeave(const absl::Status& reason) = 0;
  // By default: leaves, and hears nothing.
  virtual std::vector<std::string> DoLeaveAndListen(const absl::Status& reason, Duration grace);
  // By default: receive into scratch memory, then one piece (overwrite_bytes may be kAnySize).
  virtual absl::Status DoRecvPieces(const IncomingPieces& message);
  virtual absl::Status DoSendRecvPieces(const Outgoing& out, const IncomingPieces& in);

  static constexpr size_t kAnySize = SIZE_MAX;

 private:
  struct FreeScratch {
    void operator()(char* memory) const;
  };

  absl::Status CheckCall(int peer, int tag) const;
  char* Scratch(size_t bytes);

  Duration timeout_ = std::chrono::minutes(5);
  bool left_ = false;
  std::unique_ptr<char[], FreeScratch> scratch_;  // aligned to kPieceUnit
  size_t scratch_bytes_ = 0;
};

// What implementations say about a message, so that all say it alike:
// "rank 0: receive of 8 bytes from rank 1, tag 7".
std::string Describe(int rank, const Outgoing& message);
std::string Describe(int rank, const Incoming& message);
std::string Describe(int rank, const IncomingPieces& message);

// What a rank that leaves with `reason` tells its peers; never empty.
std::string FarewellText(const absl::Status& reason);

// The errors of the contract.
absl::Status TimedOut(const std::string& what, Transport::Duration timeout);
absl::Status PeerLeft(const std::string& what, int peer, const std::string& reason);
absl::Status WrongMessage(const std::string& what, int tag, size_t bytes);  // what came instead

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_TRANSPORT_H_
