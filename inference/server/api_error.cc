#include "inference/server/api_error.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace strata::inference {
namespace {

using Json = nlohmann::json;

constexpr char kParamUrl[] = "strata.server.param";
constexpr char kCodeUrl[] = "strata.server.code";

absl::string_view TypeOf(int http_status) {
  return http_status >= 500 ? "server_error" : "invalid_request_error";
}

Json Payload(const absl::Status& error, absl::string_view url) {
  const auto payload = error.GetPayload(url);
  return payload.has_value() ? Json(std::string(*payload)) : Json();
}

absl::string_view UsualCode(absl::StatusCode status) {
  switch (status) {
    case absl::StatusCode::kInvalidArgument:
      return "invalid_value";
    case absl::StatusCode::kUnimplemented:
      return "unsupported_parameter";
    case absl::StatusCode::kNotFound:
      return "not_found";
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnavailable:
      return "overloaded";
    default:
      return "server_error";
  }
}

absl::string_view TransportCode(int http_status) {
  switch (http_status) {
    case 404:
      return "unknown_url";
    case 405:
      return "method_not_allowed";
    case 408:
      return "timeout";
    case 413:
      return "body_too_large";
    case 431:
      return "header_too_large";
    case 503:
      return "overloaded";
    default:
      return http_status >= 500 ? "server_error" : "bad_request";
  }
}

Json Object(absl::string_view message, int http_status, Json param, Json code) {
  const auto type = TypeOf(http_status);
  Json inner = {{"message", std::string(message)}, {"type", std::string(type)}};
  inner["param"] = std::move(param);
  inner["code"] = std::move(code);
  return Json{{"error", std::move(inner)}};
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

absl::Status ApiError(absl::StatusCode status, absl::string_view param, absl::string_view message,
                      absl::string_view code) {
  absl::Status error(status,
                     param.empty() ? std::string(message) : absl::StrCat(param, ": ", message));
  if (!param.empty()) error.SetPayload(kParamUrl, absl::Cord(param));
  error.SetPayload(kCodeUrl, absl::Cord(code.empty() ? UsualCode(status) : code));
  return error;
}

int HttpStatus(const absl::Status& error) {
  switch (error.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnimplemented:
      return 400;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnavailable:
      return 503;
    default:
      return 500;
  }
}

Json ErrorObject(const absl::Status& error) {
  Json code = Payload(error, kCodeUrl);
  if (code.is_null()) code = std::string(UsualCode(error.code()));
  return Object(error.message(), HttpStatus(error), Payload(error, kParamUrl), std::move(code));
}

std::string ErrorText(const absl::Status& error) { return Dump(ErrorObject(error)); }

std::string ErrorBody(int http_status, absl::string_view message) {
  return Dump(Object(message, http_status, nullptr, std::string(TransportCode(http_status))));
}

}  // namespace strata::inference
