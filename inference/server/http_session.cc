#include "inference/server/http_session.h"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace strata::inference {

namespace beast = boost::beast;
namespace http = beast::http;
namespace net = boost::asio;
using boost::system::error_code;

namespace {

constexpr size_t kReadAhead = size_t{64} << 10;   // of further requests, while one is answered
constexpr size_t kMaxBacklog = size_t{16} << 20;  // of an answer that the client does not read
constexpr size_t kMaxDiscarded = size_t{64} << 20;
constexpr std::chrono::seconds kLinger{2};

// What the session and the reply to one request both know.
struct CallState {
  bool head = false;
  bool chunked = true;  // HTTP/1.1
  bool keep_alive = true;
  std::atomic<bool> cancelled{false};
  std::atomic<size_t> backlog{0};  // bytes of the answer that the socket has not taken yet

  void Cancel() {
    cancelled = true;
    std::function<void()> tell;
    {
      const std::lock_guard<std::mutex> lock(mutex);
      tell.swap(told);
    }
    if (tell) tell();
  }
  void OnCancelled(std::function<void()> tell) {
    {
      const std::lock_guard<std::mutex> lock(mutex);
      if (!cancelled) {
        told = std::move(tell);
        return;
      }
    }
    tell();
  }

  std::mutex mutex;  // guards what follows
  std::function<void()> told;
};

std::string StatusLine(int status, const CallState& call, bool close) {
  const auto reason = http::obsolete_reason(http::int_to_status(static_cast<unsigned>(status)));
  return absl::StrCat("HTTP/1.1 ", status, " ", absl::string_view(reason.data(), reason.size()),
                      "\r\nConnection: ", call.keep_alive && !close ? "keep-alive" : "close",
                      "\r\n");
}

std::string WholeAnswer(const HttpAnswer& answer, const CallState& call, bool close) {
  std::string text = StatusLine(answer.status, call, close);
  absl::StrAppend(&text, "Content-Type: ", answer.content_type,
                  "\r\nContent-Length: ", answer.body.size(), "\r\n");
  for (const auto& [name, value] : answer.headers)
    absl::StrAppend(&text, name, ": ", value, "\r\n");
  absl::StrAppend(&text, "\r\n", call.head ? "" : answer.body);
  return text;
}

}  // namespace

// One connection: reads a request, hands it to the handler, writes what the reply says, reads the next. While a
// request is answered, it keeps reading (ahead), which is how it learns that the client has gone. All members are
// touched on the strand only.
class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(net::ip::tcp::socket socket, std::shared_ptr<HttpSessionGroup> group)
      : stream_(std::move(socket)),
        buffer_(kReadAhead + group->options().max_header_bytes),
        group_(std::move(group)) {}
  ~HttpSession() { group_->Leave(this); }

  void Start() {
    net::dispatch(stream_.get_executor(), [self = shared_from_this()] { self->ReadHeader(); });
  }

  // From any thread.
  void Queue(std::string bytes, bool last) {
    net::post(stream_.get_executor(), [self = shared_from_this(), bytes = std::move(bytes), last] {
      self->outbox_ += bytes;
      self->last_ = self->last_ || last;
      if (!self->writing_) self->Flush();
    });
  }
  void Abandon() {
    net::post(stream_.get_executor(), [self = shared_from_this()] {
      if (!self->answering_) return;
      if (self->call_->cancelled) return self->DropAnswer();
      self->call_->keep_alive = false;
      self->last_ = true;
      if (!self->writing_) self->Flush();
    });
  }
  void Cancel() {
    net::post(stream_.get_executor(), [self = shared_from_this()] {
      if (self->answering_) self->call_->Cancel();
    });
  }
  void CloseIfIdle() {
    net::post(stream_.get_executor(), [self = shared_from_this()] {
      if (!self->answering_ && !self->closing_) self->Shut();
    });
  }
  bool stopping() const { return group_->stopping(); }

 private:
  void ReadHeader() {
    parser_.emplace();
    parser_->header_limit(static_cast<uint32_t>(group_->options().max_header_bytes));
    parser_->body_limit(group_->options().max_body_bytes);
    stream_.expires_after(group_->options().read_timeout);
    http::async_read_header(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](error_code error, size_t) { self->OnHeader(error); });
  }

  void OnHeader(error_code error) {
    if (closing_) return;
    if (error) return OnReadError(error);
    const auto expect = parser_->get()[http::field::expect];
    if (!absl::EqualsIgnoreCase(absl::string_view(expect.data(), expect.size()), "100-continue"))
      return ReadBody();
    inflight_ = "HTTP/1.1 100 Continue\r\n\r\n";
    net::async_write(stream_, net::buffer(inflight_),
                     [self = shared_from_this()](error_code failed, size_t) {
                       if (!failed) self->ReadBody();
                     });
  }

  void ReadBody() {
    http::async_read(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](error_code error, size_t) { self->OnRequest(error); });
  }

  void OnRequest(error_code error) {
    if (closing_) return;
    if (error) return OnReadError(error);
    if (!group_->BeginCall()) return Shut();
    http::request<http::string_body> request = parser_->release();
    HttpCall call;
    call.method = std::string(request.method_string());
    const std::string target(request.target());
    const size_t mark = target.find('?');
    call.path = target.substr(0, mark);
    if (mark != std::string::npos) call.query = target.substr(mark + 1);
    call.body = std::move(request.body());
    call.arrival = std::chrono::steady_clock::now();
    BeginAnswer(request.version() >= 11, request.keep_alive(), call.method == "HEAD");
    Watch();
    group_->handler()(std::move(call), MakeReply());
  }

  // Something that is no acceptable request: an answer where HTTP has one, then the connection is closed.
  void OnReadError(error_code error) {
    const bool malformed =
        error.category() == http::make_error_code(http::error::bad_method).category();
    if (!malformed || error == http::error::end_of_stream || error == http::error::partial_message)
      return Shut();
    if (!group_->BeginCall()) return Shut();
    int status = 400;
    std::string message = absl::StrCat("malformed HTTP request: ", error.message());
    if (error == http::error::body_limit) {
      status = 413;
      message = absl::StrCat("the request body is larger than ", group_->options().max_body_bytes,
                             " bytes");
    } else if (error == http::error::header_limit || error == http::error::buffer_overflow) {
      status = 431;
      message = absl::StrCat("the request header is larger than ",
                             group_->options().max_header_bytes, " bytes");
    }
    BeginAnswer(/*chunked=*/false, /*keep_alive=*/false, /*head=*/false);
    const auto& body = group_->options().error_body;
    MakeReply()->Send({.status = status, .body = body ? body(status, message) : message});
  }

  void BeginAnswer(bool chunked, bool keep_alive, bool head) {
    call_ = std::make_shared<CallState>();
    call_->chunked = chunked;
    call_->keep_alive = keep_alive;
    call_->head = head;
    answering_ = true;
    last_ = false;
  }

  std::shared_ptr<HttpReply> MakeReply();

  // Reads ahead until the answer is out. An end of file means that the client has gone.
  void Watch() {
    if (buffer_.size() >= kReadAhead) return;  // it will be noticed when writing fails
    watching_ = true;
    stream_.expires_never();
    stream_.async_read_some(buffer_.prepare(4096),
                            [self = shared_from_this()](error_code error, size_t size) {
                              self->OnWatched(error, size);
                            });
  }

  void OnWatched(error_code error, size_t size) {
    watching_ = false;
    if (closing_) return;
    buffer_.commit(size);
    if (error && error != net::error::operation_aborted) {
      peer_gone_ = true;
      if (answering_) call_->Cancel();
    }
    if (!answering_) return Next();
    if (!error) Watch();
  }

  void Flush() {
    if (!answering_) return;
    if (outbox_.empty()) {
      if (last_) FinishAnswer();
      return;
    }
    inflight_.clear();
    inflight_.swap(outbox_);
    writing_ = true;
    stream_.expires_after(group_->options().write_timeout);
    net::async_write(
        stream_, net::buffer(inflight_),
        [self = shared_from_this()](error_code error, size_t) { self->OnWritten(error); });
  }

  void OnWritten(error_code error) {
    writing_ = false;
    call_->backlog -= inflight_.size();
    if (error && answering_) return DropAnswer();
    Flush();
  }

  // No one waits for the rest.
  void DropAnswer() {
    call_->Cancel();
    answering_ = false;
    group_->EndCall();
    Shut();
  }

  void FinishAnswer() {
    answering_ = false;
    outbox_.clear();
    group_->EndCall();
    if (watching_) {
      stream_.cancel();  // OnWatched goes on
    } else {
      Next();
    }
  }

  void Next() {
    if (peer_gone_ || !call_->keep_alive || group_->stopping()) return Linger();
    ReadHeader();
  }

  // Closes the sending half first and reads on for a while: closing with unread input would reset the connection,
  // and the client might lose the answer.
  void Linger() {
    error_code ignored;
    stream_.socket().shutdown(net::ip::tcp::socket::shutdown_send, ignored);
    closing_ = true;
    buffer_.clear();
    stream_.expires_after(kLinger);
    Discard(0);
  }

  void Discard(size_t done) {
    if (peer_gone_ || done > kMaxDiscarded) return Shut();
    stream_.async_read_some(buffer_.prepare(kReadAhead),
                            [self = shared_from_this(), done](error_code error, size_t n) {
                              if (error) return self->Shut();
                              self->Discard(done + n);
                            });
  }

  void Shut() {
    closing_ = true;
    stream_.close();
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::shared_ptr<HttpSessionGroup> group_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::shared_ptr<CallState> call_;
  std::string outbox_;    // not yet given to the socket
  std::string inflight_;  // being written
  bool answering_ = false, watching_ = false, writing_ = false;
  bool last_ = false;  // the end of the answer is in the outbox
  bool peer_gone_ = false, closing_ = false;
};

namespace {

class SessionReply : public HttpReply {
 public:
  SessionReply(std::shared_ptr<HttpSession> session, std::shared_ptr<CallState> call)
      : session_(std::move(session)), call_(std::move(call)) {}
  ~SessionReply() override {
    if (phase_ != Phase::kEnded) session_->Abandon();
  }

  void Send(HttpAnswer answer) override {
    std::lock_guard<std::mutex> lock(mutex_);
    if (phase_ != Phase::kNew) return;
    phase_ = Phase::kEnded;
    Queue(WholeAnswer(answer, *call_, session_->stopping()), /*last=*/true);
  }

  void BeginStream(int status, absl::string_view content_type) override {
    std::lock_guard<std::mutex> lock(mutex_);
    if (phase_ != Phase::kNew) return;
    phase_ = Phase::kStreaming;
    // Without chunks the end of the connection is the end of the answer.
    std::string head = StatusLine(status, *call_, session_->stopping() || !call_->chunked);
    absl::StrAppend(&head, "Content-Type: ", content_type, "\r\nCache-Control: no-cache\r\n",
                    call_->chunked ? "Transfer-Encoding: chunked\r\n" : "", "\r\n");
    Queue(std::move(head), /*last=*/false);
  }

  void Write(std::string piece) override {
    std::lock_guard<std::mutex> lock(mutex_);
    if (phase_ != Phase::kStreaming || piece.empty() || cancelled()) return;
    if (call_->chunked) piece = absl::StrCat(absl::Hex(piece.size()), "\r\n", piece, "\r\n");
    Queue(std::move(piece), /*last=*/false);
    if (call_->backlog > kMaxBacklog) call_->cancelled = true;
  }

  void End() override {
    std::lock_guard<std::mutex> lock(mutex_);
    if (phase_ != Phase::kStreaming) return;
    phase_ = Phase::kEnded;
    if (call_->chunked) return Queue("0\r\n\r\n", /*last=*/true);
    session_->Abandon();
  }

  bool cancelled() const override { return call_->cancelled; }
  void OnCancelled(std::function<void()> told) override { call_->OnCancelled(std::move(told)); }

 private:
  enum class Phase { kNew, kStreaming, kEnded };

  void Queue(std::string bytes, bool last) {
    call_->backlog += bytes.size();
    session_->Queue(std::move(bytes), last);
  }

  const std::shared_ptr<HttpSession> session_;
  const std::shared_ptr<CallState> call_;
  std::mutex mutex_;
  Phase phase_ = Phase::kNew;
};

}  // namespace

std::shared_ptr<HttpReply> HttpSession::MakeReply() {
  return std::make_shared<SessionReply>(shared_from_this(), call_);
}

void HttpSessionGroup::Serve(net::ip::tcp::socket socket) {
  error_code ignored;
  socket.set_option(net::ip::tcp::no_delay(true), ignored);
  auto session = std::make_shared<HttpSession>(std::move(socket), shared_from_this());
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_ || sessions_.size() >= options_.max_connections)
      return;  // closed by its destructor
    sessions_[session.get()] = session;
  }
  session->Start();
}

void HttpSessionGroup::ForEach(
    const std::function<void(const std::shared_ptr<HttpSession>&)>& visit) {
  // Destroyed without the lock, which Leave() takes.
  std::vector<std::shared_ptr<HttpSession>> sessions;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& [key, weak] : sessions_) {
      if (auto session = weak.lock()) sessions.push_back(std::move(session));
    }
  }
  for (const auto& session : sessions) visit(session);
}

void HttpSessionGroup::StopTaking() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  ForEach([](const auto& session) { session->CloseIfIdle(); });
}

bool HttpSessionGroup::WaitUntilAnswered(std::chrono::milliseconds time) {
  std::unique_lock<std::mutex> lock(mutex_);
  return answered_.wait_for(lock, time, [this] { return calls_ == 0; });
}

void HttpSessionGroup::CancelAll() {
  ForEach([](const auto& session) { session->Cancel(); });
}

bool HttpSessionGroup::BeginCall() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (stopping_) return false;
  ++calls_;
  return true;
}

void HttpSessionGroup::EndCall() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (--calls_ == 0) answered_.notify_all();
}

void HttpSessionGroup::Leave(const HttpSession* session) {
  std::lock_guard<std::mutex> lock(mutex_);
  sessions_.erase(session);
}

}  // namespace strata::inference
