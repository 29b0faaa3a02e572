#include "inference/server/api_chat.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "inference/server/generation_job.h"
#include "inference/server/logprobs.h"

namespace strata::inference {
namespace {

using Json = nlohmann::json;

class ChatFormat : public AnswerFormat {
 public:
  ChatFormat(std::shared_ptr<const Engine> engine, bool logprobs)
      : engine_(std::move(engine)), logprobs_(logprobs) {}

  std::string IdPrefix() const override { return "chatcmpl-"; }
  std::string Object(bool stream) const override {
    return stream ? "chat.completion.chunk" : "chat.completion";
  }
  bool wants_logprobs() const override { return logprobs_; }

  Json Whole(int index, const std::string& text, const std::vector<TokenEvent>& events,
             const std::string& finish_reason) const override {
    Json message = {{"role", "assistant"}, {"content", text}, {"refusal", nullptr}};
    return {{"index", index},
            {"message", std::move(message)},
            {"logprobs", logprobs_ ? ChatLogprobs(engine_->tokenizer(), events) : Json()},
            {"finish_reason", finish_reason}};
  }
  Json Opening(int index) const override {
    return Delta(index, {{"role", "assistant"}, {"content", ""}}, nullptr, nullptr);
  }
  Json Piece(int index, const std::string& text,
             const std::vector<TokenEvent>& events) const override {
    Json logprobs = events.empty() ? Json() : ChatLogprobs(engine_->tokenizer(), events);
    return Delta(index, {{"content", text}}, std::move(logprobs), nullptr);
  }
  Json Finish(int index, const std::string& finish_reason) const override {
    return Delta(index, Json::object(), nullptr, finish_reason);
  }

 private:
  static Json Delta(int index, Json delta, Json logprobs, Json finish_reason) {
    return {{"index", index},
            {"delta", std::move(delta)},
            {"logprobs", std::move(logprobs)},
            {"finish_reason", std::move(finish_reason)}};
  }

  const std::shared_ptr<const Engine> engine_;
  const bool logprobs_;
};

absl::Status ReadRole(RequestFields* message, ChatRole* role) {
  STRATA_RETURN_IF_ERROR(message->Require("role").status());
  std::string name;
  STRATA_RETURN_IF_ERROR(message->String("role", &name));
  if (name == "system" || name == "developer") {
    *role = ChatRole::kSystem;
  } else if (name == "user") {
    *role = ChatRole::kUser;
  } else if (name == "assistant") {
    *role = ChatRole::kAssistant;
  } else if (name == "tool" || name == "function") {
    return message->Error("role",
                          absl::StrCat("\"", name, "\" is not supported; tools cannot be called"),
                          "unsupported_parameter");
  } else {
    return message->Error(
        "role", absl::StrCat("\"", name, "\" is none of system, developer, user, assistant"));
  }
  return absl::OkStatus();
}

absl::Status ReadParts(const Json& parts, const std::string& path, std::string* content) {
  for (size_t i = 0; i < parts.size(); ++i) {
    const Json object = parts[i].is_object() ? Json() : Json::object();
    RequestFields part(parts[i].is_object() ? parts[i] : object, absl::StrCat(path, "[", i, "]."));
    std::string type, text;
    STRATA_RETURN_IF_ERROR(part.String("type", &type));
    if (type != "text") {
      return part.Error("type",
                        absl::StrCat("\"", type, "\" is not supported; only text parts are"),
                        "unsupported_parameter");
    }
    STRATA_RETURN_IF_ERROR(part.Require("text").status());
    STRATA_RETURN_IF_ERROR(part.String("text", &text));
    STRATA_RETURN_IF_ERROR(part.RefuseOthers());
    *content += text;
  }
  return absl::OkStatus();
}

absl::StatusOr<ChatMessage> ReadMessage(const Json& object, const std::string& path) {
  RequestFields fields(object, absl::StrCat(path, "."));
  ChatMessage message;
  STRATA_RETURN_IF_ERROR(ReadRole(&fields, &message.role));
  STRATA_ASSIGN_OR_RETURN(const Json* content, fields.Require("content"));
  if (content->is_array()) {
    STRATA_RETURN_IF_ERROR(ReadParts(*content, absl::StrCat(path, ".content"), &message.content));
  } else if (content->is_string()) {
    message.content = content->get_ref<const std::string&>();
  } else {
    return fields.Error(
        "content", absl::StrCat("must be a string or a list of parts, not ", content->type_name()),
        "invalid_type");
  }
  fields.Ignore("name");
  fields.Ignore("refusal");
  STRATA_RETURN_IF_ERROR(fields.RefuseUnless("tool_calls", Json::array()));
  STRATA_RETURN_IF_ERROR(fields.RefuseUnless("audio", Json()));
  STRATA_RETURN_IF_ERROR(fields.RefuseOthers());
  return message;
}

// What OpenAI's chat has beyond the common parameters and this server has not.
absl::Status RefuseUnsupportedChat(RequestFields* fields) {
  STRATA_RETURN_IF_ERROR(fields->RefuseUnless("tools", Json::array()));
  STRATA_RETURN_IF_ERROR(fields->RefuseUnless("tool_choice", "none"));
  STRATA_RETURN_IF_ERROR(fields->RefuseUnless("functions", Json::array()));
  STRATA_RETURN_IF_ERROR(fields->RefuseUnless("function_call", "none"));
  STRATA_RETURN_IF_ERROR(fields->RefuseUnless("response_format", Json{{"type", "text"}}));
  STRATA_RETURN_IF_ERROR(fields->RefuseUnless("modalities", Json::array({"text"})));
  STRATA_RETURN_IF_ERROR(fields->RefuseUnless("add_generation_prompt", true));
  STRATA_RETURN_IF_ERROR(fields->RefuseUnless("chat_template_kwargs", Json::object()));
  for (const char* name :
       {"audio", "web_search_options", "prediction", "reasoning_effort", "verbosity"}) {
    STRATA_RETURN_IF_ERROR(fields->RefuseUnless(name, Json()));
  }
  fields->Ignore("parallel_tool_calls");
  return absl::OkStatus();
}

absl::Status ReadChatLogprobs(RequestFields* fields, bool* logprobs, int64_t* top) {
  STRATA_RETURN_IF_ERROR(fields->Boolean("logprobs", logprobs));
  STRATA_RETURN_IF_ERROR(fields->Integer("top_logprobs", 0, 20, top));
  if (*top > 0 && !*logprobs)
    return fields->Error("top_logprobs", "is only allowed when logprobs is true");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<ChatMessage>> ReadMessages(RequestFields* fields) {
  STRATA_ASSIGN_OR_RETURN(const Json* list, fields->Require("messages"));
  if (!list->is_array()) {
    return fields->Error("messages", absl::StrCat("must be a list, not ", list->type_name()),
                         "invalid_type");
  }
  if (list->empty()) return fields->Error("messages", "is empty; give at least one message");
  std::vector<ChatMessage> messages;
  for (size_t i = 0; i < list->size(); ++i) {
    const std::string path = absl::StrCat("messages[", i, "]");
    const Json& object = (*list)[i];
    if (!object.is_object()) {
      return fields->Error(path, absl::StrCat("must be an object, not ", object.type_name()),
                           "invalid_type");
    }
    STRATA_ASSIGN_OR_RETURN(ChatMessage message, ReadMessage(object, path));
    messages.push_back(std::move(message));
  }
  return messages;
}

absl::Status HandleChat(Serving& serving, const HttpCall& call,
                        const std::shared_ptr<HttpReply>& reply) {
  STRATA_ASSIGN_OR_RETURN(const Json body, ParseRequest(call.body));
  RequestFields fields(body);
  GenerationJob job;
  job.arrival = call.arrival;
  STRATA_ASSIGN_OR_RETURN(job.params, ReadGenerationParams(&fields, serving));
  STRATA_ASSIGN_OR_RETURN(const std::vector<ChatMessage> messages, ReadMessages(&fields));
  bool logprobs = false;
  STRATA_RETURN_IF_ERROR(ReadChatLogprobs(&fields, &logprobs, &job.params.request.top_logprobs));
  STRATA_RETURN_IF_ERROR(RefuseUnsupportedChat(&fields));
  std::vector<int32_t> prompt = serving.chat.Apply(serving.engine->tokenizer(), messages);
  const int64_t left = serving.engine->context() - static_cast<int64_t>(prompt.size());
  int64_t max_tokens = std::max<int64_t>(left, 1);
  STRATA_RETURN_IF_ERROR(fields.Integer("max_tokens", 1, int64_t{1} << 31, &max_tokens));
  STRATA_RETURN_IF_ERROR(fields.Integer("max_completion_tokens", 1, int64_t{1} << 31, &max_tokens));
  STRATA_RETURN_IF_ERROR(fields.RefuseOthers());
  STRATA_RETURN_IF_ERROR(CheckPrompt(serving, "messages", prompt));
  GenerateRequest& request = job.params.request;
  request.max_tokens = max_tokens;
  const std::vector<std::string>& stop = serving.chat.stop();
  request.stop.insert(request.stop.end(), stop.begin(), stop.end());
  if (!request.ignore_eos) {
    const std::vector<int32_t>& ends = serving.chat.stop_tokens();
    request.stop_tokens.insert(request.stop_tokens.end(), ends.begin(), ends.end());
  }
  job.prompts.push_back(std::move(prompt));
  job.format = std::make_shared<ChatFormat>(serving.engine, logprobs);
  return SubmitGeneration(serving, std::move(job), reply);
}

}  // namespace strata::inference
