// The connections of an HttpServer. Private to http_server.cc and http_session.cc: the only two files of the server
// that know Boost.
#ifndef STRATA_INFERENCE_SERVER_HTTP_SESSION_H_
#define STRATA_INFERENCE_SERVER_HTTP_SESSION_H_

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "inference/server/http_server.h"

namespace strata::inference {

class HttpSession;

// What the connections of one server share: options, handler, and the count of requests under way. Thread-safe.
class HttpSessionGroup : public std::enable_shared_from_this<HttpSessionGroup> {
 public:
  HttpSessionGroup(HttpServerOptions options, HttpHandler handler)
      : options_(std::move(options)), handler_(std::move(handler)) {}

  // Serves one connection until either side closes it. The socket's executor must be a strand.
  void Serve(boost::asio::ip::tcp::socket socket);

  // No new requests from now on. Connections that wait for one are closed.
  void StopTaking();
  // True when no request is under way, within the time.
  bool WaitUntilAnswered(std::chrono::milliseconds time);
  // Cancels the replies of all requests under way.
  void CancelAll();

  // For sessions.
  const HttpServerOptions& options() const { return options_; }
  const HttpHandler& handler() const { return handler_; }
  bool stopping() const { return stopping_; }
  bool BeginCall();  // false: the server stops, the request must not be served
  void EndCall();
  void Leave(const HttpSession* session);

 private:
  void ForEach(const std::function<void(const std::shared_ptr<HttpSession>&)>& visit);

  const HttpServerOptions options_;
  const HttpHandler handler_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable answered_;
  int calls_ = 0;
  std::map<const HttpSession*, std::weak_ptr<HttpSession>> sessions_;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_HTTP_SESSION_H_
