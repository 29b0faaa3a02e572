#include "distributed/transport/shm_link.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace strata::distributed {

ShmLink::ShmLink(std::shared_ptr<ShmSegment> segment, int rank, int peer)
    : segment_(std::move(segment)),
      me_(segment_->rank(rank)),
      peer_(segment_->rank(peer)),
      in_(segment_->Between(peer, rank)),
      out_(segment_->Between(rank, peer)),
      watch_(peer_.pid) {}

absl::Status ShmLink::WhyLeft() const {
  if (peer_.left.load(std::memory_order_acquire) != 0) {
    return absl::UnavailableError(absl::string_view(
        peer_.reason, std::min<size_t>(peer_.reason_bytes, sizeof(peer_.reason))));
  }
  return absl::UnavailableError(
      absl::StrCat("its process ", watch_.pid(), " ended without a farewell; was it killed?"));
}

absl::StatusOr<size_t> ShmLink::Write(absl::Span<const Bytes> parts) {
  if (HasLeft()) return WhyLeft();
  const size_t written = out_.Write(parts, segment_->ring_capacity());
  if (written > 0) Ring(peer_.bell);
  return written;
}

absl::StatusOr<size_t> ShmLink::Read(char* data, size_t bytes) {
  size_t read = 0;
  while (read < bytes) {
    STRATA_ASSIGN_OR_RETURN(const Bytes come, Peek(1));
    const size_t some = std::min(come.size(), bytes - read);
    if (some == 0) break;
    std::memcpy(data + read, come.data(), some);
    Skip(some);
    read += some;
  }
  return read;
}

absl::StatusOr<StreamLink::Bytes> ShmLink::Peek(size_t wanted) {
  const bool left = HasLeft();  // before the look: what it sent before is read
  const Bytes come = in_.Peek(segment_->ring_capacity());
  if (come.size() >= std::min(wanted, kPieceUnit)) return come;
  if (left) return WhyLeft();
  return Bytes();
}

void ShmLink::Skip(size_t bytes) {
  if (bytes == 0) return;
  in_.Skip(bytes);
  Ring(peer_.bell);
}

void ShmLink::Leave(const std::string& reason) {
  const size_t bytes = std::min(reason.size(), sizeof(me_.reason));
  std::memcpy(me_.reason, reason.data(), bytes);  // the same for each peer
  me_.reason_bytes = static_cast<uint32_t>(bytes);
  me_.left.exchange(1);
  Ring(peer_.bell);
}

}  // namespace strata::distributed
