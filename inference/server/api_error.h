// Errors of the HTTP API: an absl::Status that also knows the parameter at fault and OpenAI's error code.
//
//   return ApiError(absl::StatusCode::kInvalidArgument, "temperature", "2.5 is outside [0, 2]");
//   -> HTTP 400 {"error":{"message":"temperature: 2.5 is outside [0, 2]","type":"invalid_request_error",
//                         "param":"temperature","code":"invalid_value"}}
//
// A plain status, from the engine say, works as well: it has no parameter.
#ifndef STRATA_INFERENCE_SERVER_API_ERROR_H_
#define STRATA_INFERENCE_SERVER_API_ERROR_H_

#include <string>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "nlohmann/json_fwd.hpp"

namespace strata::inference {

// `param` is put before the message and may be empty. An empty `code` becomes the usual one of the status code.
absl::Status ApiError(absl::StatusCode status, absl::string_view param, absl::string_view message,
                      absl::string_view code = "");

// 400 for bad input (INVALID_ARGUMENT, OUT_OF_RANGE, FAILED_PRECONDITION) and for what is not supported
// (UNIMPLEMENTED), 404 for NOT_FOUND, 503 for RESOURCE_EXHAUSTED and UNAVAILABLE, else 500.
int HttpStatus(const absl::Status& error);

// {"error":{"message","type","param","code"}}
nlohmann::json ErrorObject(const absl::Status& error);

// The same as text.
std::string ErrorText(const absl::Status& error);

// The same for an error of the transport, which knows only an HTTP status: 404, 405, 413, ...
std::string ErrorBody(int http_status, absl::string_view message);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_API_ERROR_H_
