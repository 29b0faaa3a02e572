#include "distributed/transport/tcp_link.h"

#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "distributed/transport/frame.h"
#include "distributed/transport/transport.h"

namespace strata::distributed {
namespace {

absl::Status Broke() {
  return absl::UnavailableError(absl::StrCat("its connection broke without a farewell (",
                                             std::strerror(errno), "); was the process killed?"));
}

constexpr size_t kBufferBytes = 256 << 10;  // fits a core's cache, so that pieces are read there
constexpr size_t kReadAhead = 16 << 10;     // of a header: small messages come with it
// Where reading ahead begins, so that a message behind a header lies aligned.
constexpr size_t kHeaderPlace = kPieceUnit - kFrameHeaderBytes;

}  // namespace

void TcpLink::FreeBuffer::operator()(char* memory) const {
  ::operator delete[](memory, std::align_val_t{kPieceUnit});
}

TcpLink::TcpLink(Socket socket)
    : socket_(std::move(socket)),
      buffer_(static_cast<char*>(::operator new[](kBufferBytes, std::align_val_t{kPieceUnit}))) {
  SetForRanks(socket_);
}

TcpLink::~TcpLink() = default;

absl::StatusOr<size_t> TcpLink::Write(absl::Span<const Bytes> parts) {
  iovec vectors[4];
  size_t count = 0;
  for (const Bytes& part : parts) {
    if (!part.empty()) vectors[count++] = {const_cast<char*>(part.data()), part.size()};
  }
  msghdr message = {};
  message.msg_iov = vectors;
  message.msg_iovlen = count;
  const ssize_t sent = sendmsg(socket_.fd(), &message, MSG_NOSIGNAL);
  if (sent >= 0) return static_cast<size_t>(sent);
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return 0;
  return Broke();
}

absl::StatusOr<size_t> TcpLink::Receive(char* data, size_t bytes) {
  const ssize_t came = recv(socket_.fd(), data, bytes, 0);
  if (came > 0) return static_cast<size_t>(came);
  if (came == 0 && bytes > 0) {
    return absl::UnavailableError(
        "its connection ended without a farewell; was the process killed?");
  }
  if (came == 0 || errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return 0;
  return Broke();
}

absl::StatusOr<size_t> TcpLink::Read(char* data, size_t bytes) {
  if (begin_ == end_) {
    if (bytes >= kReadAhead) return Receive(data, bytes);
    begin_ = end_ = kHeaderPlace;
    STRATA_ASSIGN_OR_RETURN(const size_t came, Receive(buffer_.get() + begin_, kReadAhead));
    end_ += came;
  }
  const size_t read = std::min(bytes, end_ - begin_);
  if (read > 0) std::memcpy(data, buffer_.get() + begin_, read);
  begin_ += read;
  return read;
}

absl::StatusOr<StreamLink::Bytes> TcpLink::Peek(size_t wanted) {
  const size_t least = std::min(wanted, kPieceUnit);
  if (end_ - begin_ < least || begin_ % kPieceUnit != 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ - begin_ < least) {
    STRATA_ASSIGN_OR_RETURN(const size_t came, Receive(buffer_.get() + end_, kBufferBytes - end_));
    end_ += came;
  }
  if (end_ - begin_ < least) return Bytes();
  return Bytes(buffer_.get() + begin_, end_ - begin_);
}

void TcpLink::Skip(size_t bytes) { begin_ += bytes; }

void TcpLink::Leave(const std::string&) { shutdown(socket_.fd(), SHUT_WR); }

void TcpLink::Close() {
  // A socket closed with bytes unread is reset, and what was written last might be lost with it.
  // But a peer that sends on is to hear of it.
  for (int i = 0; i < 4; ++i) {
    const absl::StatusOr<size_t> came = Receive(buffer_.get(), kBufferBytes);
    if (!came.ok() || *came == 0) break;
  }
  socket_.Close();
}

}  // namespace strata::distributed
