// Socket: an owned file descriptor of a stream socket, and what the ranks of a run do with them.
// Nothing here waits, but for Resolve().
#ifndef STRATA_DISTRIBUTED_TRANSPORT_SOCKET_H_
#define STRATA_DISTRIBUTED_TRANSPORT_SOCKET_H_

#include <sys/socket.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"

namespace strata::distributed {

class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket() { Close(); }

  int fd() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  void Close();

 private:
  int fd_ = -1;
};

// An address to connect to or to listen at: IPv4, IPv6 or a name of a local socket.
struct SocketAddress {
  sockaddr_storage storage = {};
  socklen_t length = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
  int port() const;  // 0 for a local socket
  void set_port(int port);
  std::string ToString() const;  // "10.0.0.1:29500", "[fd00::2]:29500", "@name"
};

// What a host name or a numeric address stands for, the preferred first. UNAVAILABLE when a name
// cannot be resolved now; waits as long as the resolver does.
absl::StatusOr<std::vector<SocketAddress>> Resolve(const std::string& host, int port);

// A local socket by a name that is in no directory: it ends with the process that listens (Linux's
// abstract names).
SocketAddress LocalName(absl::string_view name);

// Non-blocking, closed on exec. Port 0: the system picks one.
absl::StatusOr<Socket> Listen(const SocketAddress& address);

// At a port of all addresses of this machine, by IPv6 and IPv4 where there is both.
absl::StatusOr<Socket> ListenEverywhere(int port);

// Begins to connect; the socket can be written when that has ended, and ConnectError says how.
absl::StatusOr<Socket> StartConnect(const SocketAddress& address);
absl::Status ConnectError(const Socket& socket);

// An open socket, or a closed one when nobody is there.
Socket Accept(const Socket& listener);

SocketAddress LocalAddress(const Socket& socket);
SocketAddress PeerAddress(const Socket& socket);

// Small messages leave at once; a machine that is gone is noticed within some 15 s of silence.
void SetForRanks(const Socket& socket);

// "what: " and what errno says.
absl::Status SocketError(absl::string_view what);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TRANSPORT_SOCKET_H_
