// HttpServer: the transport. HTTP/1.1 with keep-alive, and answers that are sent whole or as a stream of chunks.
// It knows no paths: one handler gets every request.
//
//   STRATA_ASSIGN_OR_RETURN(auto server, HttpServer::Start(options, [](HttpCall call, std::shared_ptr<HttpReply> reply) {
//     reply->Send({.status = 200, .content_type = "text/plain", .body = call.path});
//   }));
//
// The handler runs on a thread of the server and must not block; to answer later it hands the reply to another
// thread. A reply that is dropped before its end closes the connection, so that the client sees that the answer is
// cut off.
#ifndef STRATA_INFERENCE_SERVER_HTTP_SERVER_H_
#define STRATA_INFERENCE_SERVER_HTTP_SERVER_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"

namespace strata::inference {

struct HttpServerOptions {
  std::string host = "127.0.0.1";
  int port = 0;  // 0: any free one
  int threads = 2;
  size_t max_body_bytes = size_t{4} << 20;
  size_t max_header_bytes = size_t{16} << 10;
  size_t max_connections = 1024;
  std::chrono::milliseconds read_timeout{
      75'000};  // for a request to arrive, idle time before it included
  std::chrono::milliseconds write_timeout{30'000};  // for a client to take what was sent
  // The body of answers that the transport gives by itself (400, 413, 431): JSON.
  std::function<std::string(int status, absl::string_view message)> error_body;
};

struct HttpCall {
  std::string method;  // "GET"
  std::string path;    // "/v1/models": the target up to '?', as sent
  std::string query;   // what follows '?'
  std::string body;
  std::chrono::steady_clock::time_point arrival;  // when the last byte was in
};

struct HttpAnswer {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};  // further ones
};

// The answer to one request: either one Send(), or BeginStream() Write()* End(). Thread-safe; calls after the end of
// the answer or after the client has gone do nothing.
class HttpReply {
 public:
  virtual ~HttpReply() = default;
  virtual void Send(HttpAnswer answer) = 0;
  virtual void BeginStream(int status, absl::string_view content_type) = 0;
  virtual void Write(std::string piece) = 0;
  virtual void End() = 0;
  // The client has closed its connection (or its sending half), leaves more than 16 MiB of a stream
  // unread, or the server stops: no one waits for the answer.
  virtual bool cancelled() const = 0;
  // Calls `told` once when the client has gone or the server stops (at once, if that was before), from a thread of the
  // server; it must not block. Not called for what the caller itself finds out by Write().
  virtual void OnCancelled(std::function<void()> told) = 0;
};

using HttpHandler = std::function<void(HttpCall call, std::shared_ptr<HttpReply> reply)>;

class HttpServer {
 public:
  // ALREADY_EXISTS when the port is in use, PERMISSION_DENIED, or INVALID_ARGUMENT for a host or port that cannot be.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(HttpServerOptions options,
                                                           HttpHandler handler);

  virtual ~HttpServer() = default;
  virtual int port() const = 0;

  // Takes no more connections and requests; waits until those under way are answered, at most `grace`, and then
  // cancels their replies.
  virtual void Drain(std::chrono::milliseconds grace) = 0;

  // Cancels what is under way and returns when no thread of the server runs. Idempotent; the destructor does it too.
  virtual void Stop() = 0;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_HTTP_SERVER_H_
