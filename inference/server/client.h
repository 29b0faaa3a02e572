// A small blocking HTTP client, for tests, courses and the command line.
//
//   STRATA_ASSIGN_OR_RETURN(HttpResponse models, HttpRequest("127.0.0.1", port, "GET", "/v1/models"));
//   STRATA_RETURN_IF_ERROR(PostSse("127.0.0.1", port, "/v1/completions", body, [](absl::string_view data) {
//     std::cout << data << "\n";
//     return data != "[DONE]";
//   }).status());
//
// One connection a call. UNAVAILABLE when there is no server or the connection breaks, DEADLINE_EXCEEDED when nothing
// arrives for `timeout`. An HTTP status such as 404 is an answer, not an error.
#ifndef STRATA_INFERENCE_SERVER_CLIENT_H_
#define STRATA_INFERENCE_SERVER_CLIENT_H_

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/status.h"

namespace strata::inference {

struct HttpResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::chrono::milliseconds kClientTimeout{120'000};

absl::StatusOr<HttpResponse> HttpRequest(const std::string& host, int port,
                                         const std::string& method, const std::string& target,
                                         const std::string& body = "",
                                         const HttpHeaders& headers = {},
                                         std::chrono::milliseconds timeout = kClientTimeout);

// Posts JSON and calls `on_event` with the data of each server-sent event as it arrives, "[DONE]" too; false closes
// the connection at once. An answer that is no event stream (an error) comes back with its body and no event.
absl::StatusOr<HttpResponse> PostSse(const std::string& host, int port, const std::string& target,
                                     const std::string& body,
                                     const std::function<bool(absl::string_view)>& on_event,
                                     std::chrono::milliseconds timeout = kClientTimeout);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_SERVER_CLIENT_H_
