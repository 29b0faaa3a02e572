#include "distributed/transport/socket.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace strata::distributed {
namespace {

constexpr int kBacklog = 1024;

sockaddr* Mutable(SocketAddress& address) { return reinterpret_cast<sockaddr*>(&address.storage); }
const sockaddr_in& V4(const SocketAddress& address) {
  return reinterpret_cast<const sockaddr_in&>(address.storage);
}
const sockaddr_in6& V6(const SocketAddress& address) {
  return reinterpret_cast<const sockaddr_in6&>(address.storage);
}

void SetOption(const Socket& socket, int level, int option, int value) {
  setsockopt(socket.fd(), level, option, &value, sizeof(value));
}

absl::StatusOr<Socket> Make(int family) {
  Socket made(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made.open()) return SocketError("socket");
  return made;
}

// IPv4 that came by an IPv6 socket ("::ffff:10.0.0.1") as what it is.
SocketAddress Unmapped(const SocketAddress& address) {
  if (address.family() != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&V6(address).sin6_addr)) {
    return address;
  }
  SocketAddress plain;
  auto& v4 = reinterpret_cast<sockaddr_in&>(plain.storage);
  v4.sin_family = AF_INET;
  v4.sin_port = V6(address).sin6_port;
  std::memcpy(&v4.sin_addr, V6(address).sin6_addr.s6_addr + 12, 4);
  plain.length = sizeof(sockaddr_in);
  return plain;
}

}  // namespace

void Socket::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

int SocketAddress::port() const {
  if (family() == AF_INET) return ntohs(V4(*this).sin_port);
  return family() == AF_INET6 ? ntohs(V6(*this).sin6_port) : 0;
}

void SocketAddress::set_port(int port) {
  const auto number = htons(static_cast<uint16_t>(port));
  if (family() == AF_INET) reinterpret_cast<sockaddr_in&>(storage).sin_port = number;
  if (family() == AF_INET6) reinterpret_cast<sockaddr_in6&>(storage).sin6_port = number;
}

std::string SocketAddress::ToString() const {
  char text[INET6_ADDRSTRLEN] = {};
  if (family() == AF_INET) {
    inet_ntop(AF_INET, &V4(*this).sin_addr, text, sizeof(text));
    return absl::StrCat(text, ":", port());
  }
  if (family() == AF_INET6) {
    inet_ntop(AF_INET6, &V6(*this).sin6_addr, text, sizeof(text));
    return absl::StrCat("[", text, "]:", port());
  }
  const auto& local = reinterpret_cast<const sockaddr_un&>(storage);
  const size_t start = offsetof(sockaddr_un, sun_path) + 1;
  return length > start ? absl::StrCat("@", std::string(local.sun_path + 1, length - start)) : "@";
}

absl::StatusOr<std::vector<SocketAddress>> Resolve(const std::string& host, int port) {
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), absl::StrCat(port).c_str(), &hints, &found);
  if (error != 0) {
    return absl::UnavailableError(
        absl::StrCat("address '", host, "': ", gai_strerror(error),
                     "; give a host name or an address that this machine can resolve"));
  }
  std::vector<SocketAddress> addresses;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    SocketAddress address;
    std::memcpy(&address.storage, each->ai_addr, each->ai_addrlen);
    address.length = each->ai_addrlen;
    addresses.push_back(address);
  }
  freeaddrinfo(found);
  return addresses;
}

SocketAddress LocalName(absl::string_view name) {
  SocketAddress address;
  auto& local = reinterpret_cast<sockaddr_un&>(address.storage);
  local.sun_family = AF_UNIX;
  const size_t bytes = std::min(name.size(), sizeof(local.sun_path) - 1);
  std::memcpy(local.sun_path + 1, name.data(), bytes);  // after a zero byte: abstract
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + bytes);
  return address;
}

absl::StatusOr<Socket> Listen(const SocketAddress& address) {
  STRATA_ASSIGN_OR_RETURN(Socket listener, Make(address.family()));
  SetOption(listener, SOL_SOCKET, SO_REUSEADDR, 1);
  if (address.family() == AF_INET6) SetOption(listener, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (bind(listener.fd(), address.get(), address.length) != 0 ||
      listen(listener.fd(), kBacklog) != 0) {
    return SocketError(absl::StrCat("cannot listen at ", address.ToString()));
  }
  return listener;
}

absl::StatusOr<Socket> ListenEverywhere(int port) {
  SocketAddress any6, any4;
  reinterpret_cast<sockaddr_in6&>(any6.storage).sin6_family = AF_INET6;
  any6.length = sizeof(sockaddr_in6);
  any6.set_port(port);
  absl::StatusOr<Socket> both = Listen(any6);
  if (both.ok()) return both;
  reinterpret_cast<sockaddr_in&>(any4.storage).sin_family = AF_INET;
  any4.length = sizeof(sockaddr_in);
  any4.set_port(port);
  return Listen(any4);
}

absl::StatusOr<Socket> StartConnect(const SocketAddress& address) {
  STRATA_ASSIGN_OR_RETURN(Socket started, Make(address.family()));
  if (connect(started.fd(), address.get(), address.length) != 0 && errno != EINPROGRESS) {
    return SocketError(absl::StrCat("cannot connect to ", address.ToString()));
  }
  return started;
}

absl::Status ConnectError(const Socket& socket) {
  int error = 0;
  socklen_t length = sizeof(error);
  if (getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  if (error == 0) return absl::OkStatus();
  errno = error;
  return SocketError("connect");
}

Socket Accept(const Socket& listener) {
  return Socket(accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

SocketAddress LocalAddress(const Socket& socket) {
  SocketAddress address;
  address.length = sizeof(address.storage);
  getsockname(socket.fd(), Mutable(address), &address.length);
  return Unmapped(address);
}

SocketAddress PeerAddress(const Socket& socket) {
  SocketAddress address;
  address.length = sizeof(address.storage);
  getpeername(socket.fd(), Mutable(address), &address.length);
  return Unmapped(address);
}

void SetForRanks(const Socket& socket) {
  SetOption(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetOption(socket, IPPROTO_TCP, TCP_KEEPIDLE, 5);
  SetOption(socket, IPPROTO_TCP, TCP_KEEPINTVL, 2);
  SetOption(socket, IPPROTO_TCP, TCP_KEEPCNT, 5);
  SetOption(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, 15000);
}

absl::Status SocketError(absl::string_view what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(errno)));
}

}  // namespace strata::distributed
