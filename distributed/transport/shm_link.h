// ShmLink: two rings of a ShmSegment as a StreamLink.
#ifndef STRATA_DISTRIBUTED_TRANSPORT_SHM_LINK_H_
#define STRATA_DISTRIBUTED_TRANSPORT_SHM_LINK_H_

#include <memory>
#include <string>

#include "distributed/transport/process_watch.h"
#include "distributed/transport/shm_segment.h"
#include "distributed/transport/stream_link.h"
#include "distributed/transport/transport.h"

namespace strata::distributed {

class ShmLink : public StreamLink {
 public:
  ShmLink(std::shared_ptr<ShmSegment> segment, int rank, int peer);

  // Whether Peek() has more to show, Write() room, or the peer is gone.
  bool CanRead() const { return in_.HasBytes() || HasLeft(); }
  bool CanWrite() const { return out_.HasRoom(segment_->ring_capacity()) || HasLeft(); }
  // Asks the kernel whether the peer is alive; calls that find nothing say so afterwards.
  void LookAfterPeer() { killed_ = killed_ || watch_.Gone(); }

  size_t unit() const override { return kPieceUnit; }
  bool needs_farewell() const override { return false; }
  absl::StatusOr<size_t> Write(absl::Span<const Bytes> parts) override;
  absl::StatusOr<size_t> Read(char* data, size_t bytes) override;
  absl::StatusOr<Bytes> Peek(size_t wanted) override;
  void Skip(size_t bytes) override;
  void Leave(const std::string& reason) override;
  void Close() override {}

 private:
  bool HasLeft() const { return killed_ || peer_.left.load(std::memory_order_acquire) != 0; }
  absl::Status WhyLeft() const;

  std::shared_ptr<ShmSegment> segment_;
  ShmRank& me_;
  ShmRank& peer_;
  ShmRing& in_;
  ShmRing& out_;
  ProcessWatch watch_;
  bool killed_ = false;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_SHM_LINK_H_
