// RawConnection: sends exactly the bytes it is given; for tests of what a well-behaved client never does.
#ifndef STRATA_INFERENCE_SERVER_RAW_CONNECTION_H_
#define STRATA_INFERENCE_SERVER_RAW_CONNECTION_H_

#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "base/status.h"

namespace strata::inference {

class RawConnection {
 public:
  static absl::StatusOr<RawConnection> Open(int port);
  RawConnection(RawConnection&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
  ~RawConnection() { Close(); }

  // False when the server has closed the connection.
  bool Send(absl::string_view bytes);
  // No more will be sent; answers can still come.
  void CloseSending();
  // Up to the end of the connection, or until `end` has come.
  std::string ReadAll(absl::string_view end = "");
  void Close();

 private:
  explicit RawConnection(int socket) : socket_(socket) {}
  int socket_;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_RAW_CONNECTION_H_
