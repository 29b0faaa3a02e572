#include "inference/server/completion_client.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/strip.h"
#include "inference/server/client.h"
#include "nlohmann/json.hpp"

namespace strata::inference {
namespace {

using Json = nlohmann::json;

Json BodyOf(const CompletionQuestion& question) {
  Json body = {{"prompt", question.prompt},
               {"max_tokens", question.max_tokens},
               {"temperature", question.temperature},
               {"top_p", question.top_p},
               {"seed", question.seed}};
  if (!question.model.empty()) body["model"] = question.model;
  return body;
}

// What the answer has at `place`, if that is of the wanted type.
absl::StatusOr<Json> Ask(const std::string& host, int port, const Json& body, const char* place,
                         Json::value_t type) {
  STRATA_ASSIGN_OR_RETURN(HttpResponse response,
                          HttpRequest(host, port, "POST", "/v1/completions", body.dump(),
                                      {{"Content-Type", "application/json"}}));
  const Json answer = Json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  const Json::json_pointer pointer(place);
  if (response.status != 200 || !answer.contains(pointer) || answer[pointer].type() != type) {
    return absl::InternalError(
        absl::StrCat("the server answered ", response.status, ": ", response.body));
  }
  return answer[pointer];
}

// The bytes of a token that the API names.
std::string TokenBytes(const std::string& name) {
  constexpr absl::string_view kPrefix = "bytes:", kByte = "\\x";
  absl::string_view rest = name;
  if (!absl::ConsumePrefix(&rest, kPrefix) || rest.empty()) return name;
  std::string bytes;
  while (!rest.empty()) {
    if (!absl::ConsumePrefix(&rest, kByte) || rest.size() < 2 || !absl::ascii_isxdigit(rest[0]) ||
        !absl::ascii_isxdigit(rest[1])) {
      return name;
    }
    bytes += absl::HexStringToBytes(rest.substr(0, 2));
    rest.remove_prefix(2);
  }
  return bytes;
}

}  // namespace

absl::StatusOr<std::string> CompleteOverHttp(const std::string& host, int port,
                                             const CompletionQuestion& question) {
  STRATA_ASSIGN_OR_RETURN(
      const Json text, Ask(host, port, BodyOf(question), "/choices/0/text", Json::value_t::string));
  return text.get<std::string>();
}

absl::StatusOr<std::vector<std::string>> CompleteTokensOverHttp(
    const std::string& host, int port, const CompletionQuestion& question) {
  Json body = BodyOf(question);
  body["logprobs"] = 0;
  STRATA_ASSIGN_OR_RETURN(
      const Json list, Ask(host, port, body, "/choices/0/logprobs/tokens", Json::value_t::array));
  std::vector<std::string> tokens;
  for (const Json& token : list) {
    if (!token.is_string()) return absl::InternalError("the server gave a token without a text");
    tokens.push_back(TokenBytes(token.get<std::string>()));
  }
  return tokens;
}

}  // namespace strata::inference
