#include "inference/load/completion_target.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "inference/server/client.h"
#include "nlohmann/json.hpp"

namespace strata::inference {
namespace {

using Json = nlohmann::json;

Json Parse(absl::string_view text) {
  return Json::parse(text.data(), text.data() + text.size(), nullptr, /*allow_exceptions=*/false);
}

int64_t IntegerAt(const Json& json, const char* pointer) {
  const Json::json_pointer where(pointer);
  return json.contains(where) && json[where].is_number_integer() ? json[where].get<int64_t>() : 0;
}

std::string TextAt(const Json& json, const char* pointer) {
  const Json::json_pointer where(pointer);
  return json.contains(where) && json[where].is_string() ? json[where].get<std::string>() : "";
}

// The server's own words, where it has some.
std::string ErrorOf(int status, const std::string& body) {
  const Json json = Parse(body);
  const std::string message = json.is_object() ? TextAt(json, "/error/message") : "";
  return absl::StrCat("HTTP ", status, ": ",
                      message.empty() ? absl::string_view(body).substr(0, 200) : message);
}

// One event of a stream and when it came. It is read only after the stream, so as not to disturb what is measured.
struct Event {
  double time;
  std::string data;
};

bool IsToken(const Json& event) {
  const auto choices = event.find("choices");
  if (choices == event.end() || !choices->is_array() || choices->empty()) return false;
  const Json& choice = choices->front();
  if (!choice.is_object()) return false;
  const auto finish = choice.find("finish_reason");
  return finish == choice.end() || finish->is_null() || !TextAt(choice, "/text").empty();
}

RequestTiming Read(const std::vector<Event>& events, double start, double end) {
  StreamTimer timer(start);
  int64_t prompt = 0, output = 0;
  bool done = false;
  for (const Event& event : events) {
    done = event.data == "[DONE]";
    if (done) continue;
    const Json json = Parse(event.data);
    if (!json.is_object()) return timer.Fail(absl::StrCat("no JSON: ", event.data), end);
    if (json.contains("error")) return timer.Fail(ErrorOf(200, event.data), end);
    if (IsToken(json)) timer.OnChunk(event.time);
    if (const int64_t tokens = IntegerAt(json, "/usage/completion_tokens")) output = tokens;
    if (const int64_t tokens = IntegerAt(json, "/usage/prompt_tokens")) prompt = tokens;
  }
  if (!done) return timer.Fail("the stream ended without [DONE]", end);
  return timer.Finish(prompt, output);
}

}  // namespace

absl::StatusOr<ServerAddress> ParseUrl(const std::string& url) {
  absl::string_view rest = url;
  const auto bad = [&](absl::string_view why) {
    return absl::InvalidArgumentError(
        absl::StrCat("url: \"", url, "\" ", why, "; give http://host:port"));
  };
  if (absl::ConsumePrefix(&rest, "https://")) return bad("needs TLS, which is not supported");
  if (!absl::ConsumePrefix(&rest, "http://")) return bad("does not begin with http://");
  ServerAddress address;
  const size_t slash = rest.find('/');
  if (slash != absl::string_view::npos) {
    address.path = std::string(absl::StripSuffix(rest.substr(slash), "/"));
    rest = rest.substr(0, slash);
  }
  address.port = 80;
  const size_t colon = rest.rfind(':');
  if (colon != absl::string_view::npos && rest.find(']', colon) == absl::string_view::npos) {
    if (!absl::SimpleAtoi(rest.substr(colon + 1), &address.port) || address.port < 1 ||
        address.port > 65535) {
      return bad("has no port in [1, 65535]");
    }
    rest = rest.substr(0, colon);
  }
  if (absl::ConsumePrefix(&rest, "[")) rest = absl::StripSuffix(rest, "]");
  address.host = std::string(rest);
  if (address.host.empty()) return bad("has no host");
  return address;
}

absl::StatusOr<std::unique_ptr<CompletionTarget>> CompletionTarget::Create(
    const std::string& url, const CompletionTargetOptions& options) {
  STRATA_ASSIGN_OR_RETURN(ServerAddress address, ParseUrl(url));
  std::unique_ptr<CompletionTarget> target(new CompletionTarget(std::move(address), options));
  STRATA_RETURN_IF_ERROR(Annotate(target->AskForModel(), url));
  return target;
}

absl::Status CompletionTarget::AskForModel() {
  STRATA_ASSIGN_OR_RETURN(
      const HttpResponse response,
      HttpRequest(address_.host, address_.port, "GET", address_.path + "/v1/models"));
  if (response.status != 200)
    return absl::UnavailableError(ErrorOf(response.status, response.body));
  const Json json = Parse(response.body);
  const Json::json_pointer list("/data");
  if (!json.is_object() || !json.contains(list) || !json[list].is_array() || json[list].empty())
    return absl::UnavailableError("GET /v1/models: the server names no model");
  std::string names;
  for (const Json& model : json[list]) {
    const std::string name = model.is_object() ? TextAt(model, "/id") : "";
    if (options_.model.empty()) options_.model = name;
    if (name == options_.model && !name.empty()) {
      vocabulary_ = IntegerAt(model, "/meta/n_vocab");
      context_ = IntegerAt(model, "/max_model_len");
      return absl::OkStatus();
    }
    absl::StrAppend(&names, names.empty() ? "" : ", ", name);
  }
  return absl::NotFoundError(
      absl::StrCat("model: the server has no \"", options_.model, "\"; it has ", names));
}

RequestTiming CompletionTarget::Send(const LoadRequest& request, const LoadClock& clock) {
  const Json body = {{"model", options_.model},
                     {"prompt", request.ids.empty() ? Json(request.text) : Json(request.ids)},
                     {"max_tokens", request.output_tokens},
                     {"temperature", options_.temperature},
                     {"ignore_eos", options_.ignore_eos},
                     {"stream", true},
                     {"stream_options", {{"include_usage", true}}}};
  const std::string text = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::vector<Event> events;
  events.reserve(static_cast<size_t>(request.output_tokens) + 3);
  const double start = clock.Now();
  const absl::StatusOr<HttpResponse> response = PostSse(
      address_.host, address_.port, address_.path + "/v1/completions", text,
      [&](absl::string_view data) {
        events.push_back({clock.Now(), std::string(data)});
        return data != "[DONE]";
      },
      options_.timeout);
  const double end = clock.Now();
  if (!response.ok()) return StreamTimer(start).Fail(std::string(response.status().message()), end);
  if (response->status != 200)
    return StreamTimer(start).Fail(ErrorOf(response->status, response->body), end);
  return Read(events, start, end);
}

}  // namespace strata::inference
