#include "inference/server/http_server.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "inference/server/http_session.h"

namespace strata::inference {
namespace {

namespace net = boost::asio;
using boost::system::error_code;
using net::ip::tcp;

absl::Status ListenError(const std::string& host, int port, const error_code& error) {
  const std::string where = absl::StrCat(host, ":", port, ": ");
  if (error == net::error::address_in_use) {
    return absl::AlreadyExistsError(absl::StrCat(where,
                                                 "the port is in use; stop the program that holds "
                                                 "it, or take another port (0: any free one)"));
  }
  if (error == net::error::access_denied) {
    return absl::PermissionDeniedError(
        absl::StrCat(where, "the port needs more rights; take one above 1023"));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      where, error.message(), "; give an address of this machine, such as 127.0.0.1 or 0.0.0.0"));
}

class AsioServer : public HttpServer {
 public:
  AsioServer(HttpServerOptions options, HttpHandler handler)
      : group_(std::make_shared<HttpSessionGroup>(std::move(options), std::move(handler))),
        acceptor_(net::make_strand(io_)),
        retry_(acceptor_.get_executor()) {}
  ~AsioServer() override { Stop(); }

  absl::Status Listen() {
    const HttpServerOptions& options = group_->options();
    if (options.port < 0 || options.port > 65535) {
      return absl::InvalidArgumentError(
          absl::StrCat("port: ", options.port, " is outside [0, 65535]"));
    }
    error_code error;
    const auto found =
        tcp::resolver(io_).resolve(options.host, std::to_string(options.port), error);
    if (error) return ListenError(options.host, options.port, error);
    const tcp::endpoint endpoint = found.begin()->endpoint();
    if (!error) acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(net::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(net::socket_base::max_listen_connections, error);
    if (error) return ListenError(options.host, options.port, error);
    port_ = acceptor_.local_endpoint(error).port();
    return absl::OkStatus();
  }

  void Run() {
    Accept();
    for (int i = 0; i < group_->options().threads; ++i)
      threads_.emplace_back([this] { io_.run(); });
  }

  int port() const override { return port_; }

  void Drain(std::chrono::milliseconds grace) override {
    net::post(acceptor_.get_executor(), [this] {
      error_code ignored;
      retry_.cancel();
      acceptor_.close(ignored);
    });
    group_->StopTaking();
    if (!group_->WaitUntilAnswered(grace)) group_->CancelAll();
  }

  void Stop() override {
    if (threads_.empty()) return;
    Drain(std::chrono::milliseconds(0));
    group_->WaitUntilAnswered(kLastWords);
    io_.stop();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    // Drain() only asks a thread to do this, and may have come too late. Else the system goes on taking connections.
    error_code ignored;
    acceptor_.close(ignored);
  }

 private:
  static constexpr std::chrono::milliseconds kLastWords{1000};

  void Accept() {
    acceptor_.async_accept(net::make_strand(io_), [this](error_code error, tcp::socket socket) {
      if (error == net::error::operation_aborted || !acceptor_.is_open()) return;
      if (!error) {
        group_->Serve(std::move(socket));
        return Accept();
      }
      // Out of file descriptors, most likely: try again when some may be free.
      retry_.expires_after(std::chrono::milliseconds(100));
      retry_.async_wait([this](error_code cancelled) {
        if (!cancelled) Accept();
      });
    });
  }

  std::shared_ptr<HttpSessionGroup> group_;
  net::io_context io_;  // its destructor drops the handlers, and with them the sessions
  // Keeps the threads while nothing is pending but an answer that a worker has still to give.
  const net::executor_work_guard<net::io_context::executor_type> work_{io_.get_executor()};
  tcp::acceptor acceptor_;
  net::steady_timer retry_;
  int port_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(HttpServerOptions options,
                                                              HttpHandler handler) {
  auto server = std::make_unique<AsioServer>(std::move(options), std::move(handler));
  STRATA_RETURN_IF_ERROR(server->Listen());
  server->Run();
  return server;
}

}  // namespace strata::inference
