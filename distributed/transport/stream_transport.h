// StreamTransport: messages as frames in streams of bytes, one stream each way between two ranks.
// The common part of "tcp" and "shm": they bring StreamLinks and a way to wait.
//
// A message is a frame (frame.h). Sends and receives of one call go on side by side, so two halves
// of a SendRecv never wait for each other. Up to kOverwriteBytes what is sent is put aside when it
// cannot be written at once, so that a receive in pieces may overwrite it.
#ifndef STRATA_DISTRIBUTED_TRANSPORT_STREAM_TRANSPORT_H_
#define STRATA_DISTRIBUTED_TRANSPORT_STREAM_TRANSPORT_H_

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "distributed/transport/frame.h"
#include "distributed/transport/stream_link.h"
#include "distributed/transport/transport.h"

namespace strata::distributed {

class StreamTransport : public Transport {
 public:
  static constexpr size_t kOverwriteBytes = 16 << 10;

  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(links_.size()); }
  TransportCapabilities capabilities() const override;

 protected:
  // One link a rank; this rank's own is nullptr. `spins`: how often a call looks for progress
  // before it waits.
  StreamTransport(int rank, std::vector<std::unique_ptr<StreamLink>> links, int spins);

  // Returns when `reading` may have something to read, `writing` room to write (either may be
  // nullptr) or a peer may be gone, or at the deadline. May return early.
  virtual void Await(StreamLink* reading, StreamLink* writing,
                     std::chrono::steady_clock::time_point deadline) = 0;

  absl::Status DoSend(const Outgoing& message) override;
  absl::Status DoRecv(const Incoming& message) override;
  absl::Status DoSendRecv(const Outgoing& out, const Incoming& in) override;
  absl::Status DoRecvPieces(const IncomingPieces& message) override;
  absl::Status DoSendRecvPieces(const Outgoing& out, const IncomingPieces& in) override;
  void DoLeave(const absl::Status& reason) override;
  std::vector<std::string> DoLeaveAndListen(const absl::Status& reason, Duration grace) override;

 private:
  static constexpr size_t kMostUnit = 64;

  struct Sending;
  struct Receiving;

  // Where the stream from a peer is, and that to it.
  struct Stream {
    char header[kMostUnit];
    size_t header_bytes = 0;  // come so far
    bool in_message = false;  // the header is whole and `frame` holds it
    FrameHeader frame;
    uint64_t taken = 0;    // of the message
    uint64_t to_skip = 0;  // of padding, or of a message that nobody wanted
    std::string farewell;  // the reason it gave
    bool left = false;
    bool cut = false;  // a frame to the peer was begun and not ended
  };

  absl::Status Exchange(Sending* out, Receiving* in);
  absl::StatusOr<bool> Advance(Sending& out);
  absl::StatusOr<bool> Advance(Receiving& in);
  absl::StatusOr<bool> Drop(Receiving& in);
  absl::StatusOr<bool> NextFrame(int peer);
  absl::StatusOr<bool> SkipSome(int peer);
  absl::StatusOr<size_t> TakeSome(Receiving& in);
  absl::StatusOr<size_t> ReadFarewell(int peer);
  void EndMessage(int peer);
  std::string LastWords(int peer, const absl::Status& broken);
  void SayFarewell(const absl::Status& reason);
  void Close();
  void PutAside(Sending& out);

  StreamLink& link(int peer) { return *links_[static_cast<size_t>(peer)]; }
  Stream& stream(int peer) { return streams_[static_cast<size_t>(peer)]; }

  int rank_;
  std::vector<std::unique_ptr<StreamLink>> links_;
  std::vector<Stream> streams_;
  int spins_;
  std::vector<char> aside_;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_STREAM_TRANSPORT_H_
