#include "inference/server/router.h"

#include <exception>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "inference/server/api_chat.h"
#include "inference/server/api_completions.h"
#include "inference/server/api_error.h"
#include "inference/server/api_misc.h"
#include "nlohmann/json.hpp"

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

void SendError(Serving& serving, const absl::Status& error, const std::string& handler,
               const HttpCall& call, const std::shared_ptr<HttpReply>& reply) {
  const int status = HttpStatus(error);
  serving.metrics.RecordHttp(call.method, handler, status);
  HttpAnswer answer{
      .status = status,
      .body = ErrorObject(error).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
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
    serving.metrics.RecordHttp("any", "none", 404);
    reply->Send(
        {.status = 404, .body = ErrorBody(404, absl::StrCat("there is no ", call.path, " here"))});
    return;
  }
  const std::string handler(endpoint->path);
  const bool head = call.method == "HEAD" && endpoint->method == "GET";
  if (!head && call.method != endpoint->method) {
    serving.metrics.RecordHttp("any", handler, 405);
    reply->Send({.status = 405,
                 .body = ErrorBody(405, absl::StrCat(call.path, " takes ", endpoint->method,
                                                     ", not ", call.method)),
                 .headers = {{"Allow", std::string(endpoint->method)}}});
    return;
  }
  const absl::Status status = Guarded(endpoint->handler, serving, call, reply);
  if (!status.ok()) return SendError(serving, status, handler, call, reply);
  serving.metrics.RecordHttp(call.method, handler, 200);
}

}  // namespace strata::inference
