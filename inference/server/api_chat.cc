#include "inference/server/api_chat.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "inference/server/chat_request.h"
#include "inference/server/generation_job.h"
#include "inference/server/logprobs.h"
#include "inference/server/tool_call_grammar.h"

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

  Json Whole(int index, const AnswerPiece& answer, const std::vector<TokenEvent>& events,
             const std::string& finish_reason) const override {
    Json message = {{"role", "assistant"}, {"content", answer.text}, {"refusal", nullptr}};
    if (!answer.calls.empty() && answer.text.empty()) message["content"] = nullptr;
    for (const AnsweredCall& call : answer.calls)
      message["tool_calls"].push_back(CallObject(call, call.arguments));
    return {{"index", index},
            {"message", std::move(message)},
            {"logprobs", logprobs_ ? ChatLogprobs(engine_->tokenizer(), events) : Json()},
            {"finish_reason", finish_reason}};
  }
  Json Opening(int index) const override {
    return Delta(index, {{"role", "assistant"}, {"content", ""}}, nullptr, nullptr);
  }
  // The text, then of each call its name, then its arguments.
  std::vector<Json> Pieces(int index, const AnswerPiece& piece,
                           const std::vector<TokenEvent>& events) const override {
    Json logprobs = events.empty() ? Json() : ChatLogprobs(engine_->tokenizer(), events);
    std::vector<Json> pieces;
    if (!piece.text.empty() || piece.calls.empty() || !events.empty()) {
      pieces.push_back(Delta(index, {{"content", piece.text}}, std::move(logprobs), nullptr));
    }
    for (const AnsweredCall& call : piece.calls) {
      Json opening = CallObject(call, "");
      opening["index"] = call.index;
      const Json arguments = {{"index", call.index}, {"function", {{"arguments", call.arguments}}}};
      for (const Json& part : {opening, arguments}) {
        const Json calls = Json::array({part});
        pieces.push_back(Delta(index, {{"tool_calls", calls}}, nullptr, nullptr));
      }
    }
    return pieces;
  }
  Json Finish(int index, const std::string& finish_reason) const override {
    return Delta(index, Json::object(), nullptr, finish_reason);
  }

 private:
  static Json CallObject(const AnsweredCall& call, const std::string& arguments) {
    return {{"id", call.id},
            {"type", "function"},
            {"function", {{"name", call.name}, {"arguments", arguments}}}};
  }
  static Json Delta(int index, Json delta, Json logprobs, Json finish_reason) {
    return {{"index", index},
            {"delta", std::move(delta)},
            {"logprobs", std::move(logprobs)},
            {"finish_reason", std::move(finish_reason)}};
  }

  const std::shared_ptr<const Engine> engine_;
  const bool logprobs_;
};

// What OpenAI's chat has beyond the common parameters and this server has not.
absl::Status RefuseUnsupportedChat(RequestFields* fields) {
  STRATA_RETURN_IF_ERROR(fields->RefuseUnless("functions", Json::array()));
  STRATA_RETURN_IF_ERROR(fields->RefuseUnless("function_call", "none"));
  STRATA_RETURN_IF_ERROR(fields->RefuseUnless("modalities", Json::array({"text"})));
  for (const char* name :
       {"audio", "web_search_options", "prediction", "reasoning_effort", "verbosity"}) {
    STRATA_RETURN_IF_ERROR(fields->RefuseUnless(name, Json()));
  }
  return absl::OkStatus();
}

absl::Status ReadChatLogprobs(RequestFields* fields, bool* logprobs, int64_t* top) {
  STRATA_RETURN_IF_ERROR(fields->Boolean("logprobs", logprobs));
  STRATA_RETURN_IF_ERROR(fields->Integer("top_logprobs", 0, 20, top));
  if (*top > 0 && !*logprobs)
    return fields->Error("top_logprobs", "is only allowed when logprobs is true");
  return absl::OkStatus();
}

// The answer must be a call.
absl::Status RequireCall(const RequestFields& fields, Serving& serving, const ChatRequest& chat,
                         GenerationJob* job) {
  if (serving.tool_calls == nullptr) {
    return fields.Error("tool_choice",
                        "it is not known how this model writes calls; start the server with "
                        "--tool-call-parser, or ask for auto",
                        "unsupported_parameter");
  }
  if (job->params.request.grammar != nullptr) {
    return fields.Error("tool_choice",
                        "asks for a call, but another field says what form the answer has");
  }
  const std::string key =
      absl::StrCat("tools:", job->tools.parallel, ":", chat.must_call_name, ":", chat.tools.dump());
  auto grammar = serving.grammars.Get(key, [&] {
    return ToolCallGrammar(*serving.tool_calls, serving.engine->tokenizer(), chat.tools,
                           chat.must_call_name, job->tools.parallel);
  });
  if (!grammar.ok()) {
    return fields.Error(absl::IsNotFound(grammar.status()) ? "tool_choice" : "tools",
                        grammar.status().message());
  }
  job->params.request.grammar = *std::move(grammar);
  return absl::OkStatus();
}

// The tools whose calls are looked for: none where the model is not shown any.
absl::Status ReadTools(RequestFields* fields, Serving& serving, const ChatRequest& chat,
                       GenerationJob* job) {
  STRATA_RETURN_IF_ERROR(fields->Boolean("parallel_tool_calls", &job->tools.parallel));
  if (chat.must_call) STRATA_RETURN_IF_ERROR(RequireCall(*fields, serving, chat, job));
  if (chat.tools.empty() || serving.tool_calls == nullptr) return absl::OkStatus();
  job->tools.format = serving.tool_calls;
  for (const auto& tool : chat.tools)
    job->tools.names.push_back(tool["function"]["name"].get<std::string>());
  GenerateRequest& request = job->params.request;
  request.shown_tokens = serving.tool_call_tokens;
  if (serving.tool_call_end.has_value() && !request.ignore_eos)
    request.stop_tokens.push_back(*serving.tool_call_end);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<int32_t>> ApplyTemplate(const Serving& serving,
                                                   const RequestFields& fields,
                                                   const ChatRequest& chat) {
  absl::StatusOr<ChatPrompt> prompt = serving.chat.Apply(chat);
  if (!prompt.ok()) return fields.Error("messages", prompt.status().message());
  return std::move(prompt->ids);
}

}  // namespace

absl::Status HandleChat(Serving& serving, const HttpCall& call,
                        const std::shared_ptr<HttpReply>& reply) {
  STRATA_ASSIGN_OR_RETURN(const Json body, ParseRequest(call.body));
  RequestFields fields(body);
  GenerationJob job;
  job.arrival = call.arrival;
  STRATA_ASSIGN_OR_RETURN(job.params, ReadGenerationParams(&fields, call.body, serving));
  STRATA_ASSIGN_OR_RETURN(const ChatRequest chat, ReadChatRequest(&fields, call.body));
  bool logprobs = false;
  STRATA_RETURN_IF_ERROR(ReadChatLogprobs(&fields, &logprobs, &job.params.request.top_logprobs));
  STRATA_RETURN_IF_ERROR(RefuseUnsupportedChat(&fields));
  STRATA_RETURN_IF_ERROR(ReadTools(&fields, serving, chat, &job));
  STRATA_ASSIGN_OR_RETURN(std::vector<int32_t> prompt, ApplyTemplate(serving, fields, chat));
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

absl::Status HandleApplyTemplate(Serving& serving, const HttpCall& call,
                                 const std::shared_ptr<HttpReply>& reply) {
  STRATA_ASSIGN_OR_RETURN(const Json body, ParseRequest(call.body));
  RequestFields fields(body);
  STRATA_RETURN_IF_ERROR(CheckModel(&fields, serving));
  STRATA_ASSIGN_OR_RETURN(const ChatRequest chat, ReadChatRequest(&fields, call.body));
  STRATA_RETURN_IF_ERROR(fields.RefuseOthers());
  const absl::StatusOr<ChatPrompt> prompt = serving.chat.Apply(chat);
  if (!prompt.ok()) return fields.Error("messages", prompt.status().message());
  const Json answer = {{"prompt", prompt->text}};
  reply->Send({.body = answer.dump(-1, ' ', false, Json::error_handler_t::replace)});
  return absl::OkStatus();
}

}  // namespace strata::inference
