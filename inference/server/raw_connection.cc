#include "inference/server/raw_connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/match.h"

namespace strata::inference {

absl::StatusOr<RawConnection> RawConnection::Open(int port) {
  RawConnection connection(socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(connection.socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    return absl::UnavailableError("cannot connect");
  }
  return connection;
}

bool RawConnection::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

void RawConnection::CloseSending() { shutdown(socket_, SHUT_WR); }

std::string RawConnection::ReadAll(absl::string_view end) {
  std::string all;
  char buffer[4096];
  while (end.empty() || !absl::StrContains(all, end)) {
    const ssize_t received = recv(socket_, buffer, sizeof(buffer), 0);
    if (received <= 0) break;
    all.append(buffer, static_cast<size_t>(received));
  }
  return all;
}

void RawConnection::Close() {
  if (socket_ >= 0) close(socket_);
  socket_ = -1;
}

}  // namespace strata::inference
