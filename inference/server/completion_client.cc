#include "inference/server/completion_client.h"

#include "inference/server/client.h"
#include "nlohmann/json.hpp"

namespace strata::inference {

absl::StatusOr<std::string> CompleteOverHttp(const std::string& host, int port,
                                             const CompletionQuestion& question) {
  const nlohmann::json body = {
      {"model", question.model},           {"prompt", question.prompt},
      {"max_tokens", question.max_tokens}, {"temperature", question.temperature},
      {"top_p", question.top_p},           {"seed", question.seed}};
  STRATA_ASSIGN_OR_RETURN(HttpResponse response,
                          HttpRequest(host, port, "POST", "/v1/completions", body.dump(),
                                      {{"Content-Type", "application/json"}}));
  const nlohmann::json answer =
      nlohmann::json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  const nlohmann::json::json_pointer text("/choices/0/text");
  if (response.status != 200 || !answer.contains(text) || !answer[text].is_string()) {
    return absl::InternalError(
        absl::StrCat("the server answered ", response.status, ": ", response.body));
  }
  return answer[text].get<std::string>();
}

}  // namespace strata::inference
