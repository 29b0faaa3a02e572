#include "inference/server/router.h"

#include <exception>
#include <functional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "inference/server/api_chat.h"
#include "inference/server/api_completions.h"
#include "inference/server/api_error.h"
#include "inference/server/api_misc.h"

namespace strata::inference {
namespace {

struct Endpoint {
  absl::string_view method;
  absl::string_view path;  // a '/' at the end stands for anything after it
  ApiHandler handler;
};

constexpr Endpoint kEndpoints[] = {
    {"POST", "/v1/completions", HandleCompletions},
    {"POST", "/v1/chat/completions", HandleChat},
    {"POST", "/apply-template", HandleApplyTemplate},
    {"GET", "/v1/models", HandleModels},
    {"GET", "/v1/models/", HandleModel},
    {"GET", "/health", HandleHealth},
    {"GET", "/version", HandleVersion},
    {"GET", "/metrics", HandleMetrics},
    {"POST", "/tokenize", HandleTokenize},
    {"POST", "/detokenize", HandleDetokenize},
};

bool Matches(absl::string_view path, absl::string_view pattern) {
  if (!absl::EndsWith(pattern, "/")) return path == pattern;
  return path.size() > pattern.size() && absl::StartsWith(path, pattern);
}

const Endpoint* Find(absl::string_view path) {
  for (const Endpoint& endpoint : kEndpoints) {
    if (Matches(path, endpoint.path)) return &endpoint;
  }
  return nullptr;
}

// A reply that is counted in the metrics when it begins.
class CountedReply : public HttpReply {
 public:
  CountedReply(ServerMetrics* metrics, std::string method, std::string handler,
               std::shared_ptr<HttpReply> reply)
      : metrics_(metrics),
        method_(std::move(method)),
        handler_(std::move(handler)),
        reply_(std::move(reply)) {}

  void Send(HttpAnswer answer) override {
    metrics_->RecordHttp(method_, handler_, answer.status);
    reply_->Send(std::move(answer));
  }
  void BeginStream(int status, absl::string_view content_type) override {
    metrics_->RecordHttp(method_, handler_, status);
    reply_->BeginStream(status, content_type);
  }
  void Write(std::string piece) override { reply_->Write(std::move(piece)); }
  void End() override { reply_->End(); }
  bool cancelled() const override { return reply_->cancelled(); }
  void OnCancelled(std::function<void()> told) override { reply_->OnCancelled(std::move(told)); }

 private:
  ServerMetrics* const metrics_;
  const std::string method_, handler_;
  const std::shared_ptr<HttpReply> reply_;
};

void SendError(const absl::Status& error, HttpReply* reply) {
  const int status = HttpStatus(error);
  HttpAnswer answer{.status = status, .body = ErrorText(error)};
  if (status == 503) answer.headers.emplace_back("Retry-After", "1");
  reply->Send(std::move(answer));
}

// The last guard: a library below that throws (out of memory, say) costs one request, not the server.
absl::Status Guarded(ApiHandler handler, Serving& serving, const HttpCall& call,
                     const std::shared_ptr<HttpReply>& reply) {
  try {
    return handler(serving, call, reply);
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("unexpected failure: ", error.what()));
  }
}

}  // namespace

void Route(Serving& serving, const HttpCall& call, const std::shared_ptr<HttpReply>& reply) {
  const Endpoint* endpoint = Find(call.path);
  if (endpoint == nullptr) {
    const std::string body = ErrorBody(404, absl::StrCat("there is no ", call.path, " here"));
    CountedReply(&serving.metrics, "any", "none", reply).Send({.status = 404, .body = body});
    return;
  }
  const std::string handler(endpoint->path), method(endpoint->method);
  const bool head = call.method == "HEAD" && method == "GET";
  if (!head && call.method != method) {
    const std::string body =
        ErrorBody(405, absl::StrCat(call.path, " takes ", method, ", not ", call.method));
    CountedReply(&serving.metrics, "any", handler, reply)
        .Send({.status = 405, .body = body, .headers = {{"Allow", method}}});
    return;
  }
  const auto counted = std::make_shared<CountedReply>(&serving.metrics, method, handler, reply);
  const absl::Status status = Guarded(endpoint->handler, serving, call, counted);
  if (!status.ok()) SendError(status, counted.get());
}

}  // namespace strata::inference
