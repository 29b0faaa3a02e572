#include "inference/server/client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "inference/server/sse_parser.h"

namespace strata::inference {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
namespace net = boost::asio;
using boost::system::error_code;
using net::ip::tcp;

// One exchange. Asio has time limits for asynchronous operations only, so each is started and then run to its end.
class Connection {
 public:
  Connection(const std::string& host, int port, std::chrono::milliseconds timeout)
      : where_(absl::StrCat(host, ":", port)),
        host_(host),
        port_(port),
        timeout_(timeout),
        stream_(io_) {
    parser_.body_limit(std::numeric_limits<uint64_t>::max());
  }

  absl::Status Send(const std::string& request) {
    error_code error;
    const auto found = tcp::resolver(io_).resolve(host_, std::to_string(port_), error);
    if (error) return Failed("cannot resolve", error);
    STRATA_RETURN_IF_ERROR(Await("cannot connect (does the server run?)", [&](auto done) {
      stream_.async_connect(found, [done](error_code e, const tcp::endpoint&) { done(e); });
    }));
    return Await("cannot send", [&](auto done) {
      net::async_write(stream_, net::buffer(request), [done](error_code e, size_t) { done(e); });
    });
  }

  absl::Status ReadHeader(bool head) {
    parser_.skip(head);  // an answer to HEAD has no body, whatever its length says
    return Await("no answer", [&](auto done) {
      http::async_read_header(stream_, buffer_, parser_, [done](error_code e, size_t) { done(e); });
    });
  }

  absl::Status ReadBody() {
    return Await("the answer broke off", [&](auto done) {
      http::async_read(stream_, buffer_, parser_, [done](error_code e, size_t) { done(e); });
    });
  }

  // Reads until there is more of the body; empty at its end.
  absl::StatusOr<std::string> ReadSome() {
    std::string piece;
    while (piece.empty() && !parser_.is_done()) {
      STRATA_RETURN_IF_ERROR(Await("the answer broke off", [&](auto done) {
        http::async_read_some(stream_, buffer_, parser_, [done](error_code e, size_t) { done(e); });
      }));
      piece.swap(parser_.get().body());
    }
    return piece;
  }

  HttpResponse TakeResponse() {
    HttpResponse response;
    response.status = parser_.get().result_int();
    for (const auto& field : parser_.get()) {
      response.headers[absl::AsciiStrToLower(std::string(field.name_string()))] =
          std::string(field.value());
    }
    response.body = std::move(parser_.get().body());
    return response;
  }

  bool is_event_stream() const {
    const auto type = parser_.get()[http::field::content_type];
    return absl::StartsWith(absl::string_view(type.data(), type.size()), "text/event-stream");
  }

 private:
  template <typename Start>
  absl::Status Await(absl::string_view what, const Start& start) {
    error_code result;
    stream_.expires_after(timeout_);
    start([&result](error_code error) { result = error; });
    io_.restart();
    io_.run();
    return result ? Failed(what, result) : absl::OkStatus();
  }

  absl::Status Failed(absl::string_view what, const error_code& error) const {
    const std::string message = absl::StrCat(where_, ": ", what, ": ", error.message());
    return error == beast::error::timeout ? absl::DeadlineExceededError(message)
                                          : absl::UnavailableError(message);
  }

  const std::string where_, host_;
  const int port_;
  const std::chrono::milliseconds timeout_;
  net::io_context io_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  http::response_parser<http::string_body> parser_;
};

std::string RequestText(const std::string& host, int port, const std::string& method,
                        const std::string& target, const std::string& body,
                        const HttpHeaders& headers) {
  std::string text = absl::StrCat(method, " ", target, " HTTP/1.1\r\nHost: ", host, ":", port,
                                  "\r\nConnection: close\r\nContent-Length: ", body.size(), "\r\n");
  if (!body.empty()) absl::StrAppend(&text, "Content-Type: application/json\r\n");
  for (const auto& [name, value] : headers) absl::StrAppend(&text, name, ": ", value, "\r\n");
  absl::StrAppend(&text, "\r\n", body);
  return text;
}

}  // namespace

absl::StatusOr<HttpResponse> HttpRequest(const std::string& host, int port,
                                         const std::string& method, const std::string& target,
                                         const std::string& body, const HttpHeaders& headers,
                                         std::chrono::milliseconds timeout) {
  Connection connection(host, port, timeout);
  STRATA_RETURN_IF_ERROR(connection.Send(RequestText(host, port, method, target, body, headers)));
  STRATA_RETURN_IF_ERROR(connection.ReadHeader(method == "HEAD"));
  STRATA_RETURN_IF_ERROR(connection.ReadBody());
  return connection.TakeResponse();
}

absl::StatusOr<HttpResponse> PostSse(const std::string& host, int port, const std::string& target,
                                     const std::string& body,
                                     const std::function<bool(absl::string_view)>& on_event,
                                     std::chrono::milliseconds timeout) {
  Connection connection(host, port, timeout);
  const HttpHeaders headers = {{"Accept", "text/event-stream"}};
  STRATA_RETURN_IF_ERROR(connection.Send(RequestText(host, port, "POST", target, body, headers)));
  STRATA_RETURN_IF_ERROR(connection.ReadHeader(/*head=*/false));
  if (!connection.is_event_stream()) {
    STRATA_RETURN_IF_ERROR(connection.ReadBody());
    return connection.TakeResponse();
  }
  SseParser parser;
  while (true) {
    STRATA_ASSIGN_OR_RETURN(const std::string piece, connection.ReadSome());
    if (piece.empty() || !parser.Push(piece, on_event)) return connection.TakeResponse();
  }
}

}  // namespace strata::inference
