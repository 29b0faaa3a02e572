#include "inference/server/api_completions.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "inference/engine/utf8.h"
#include "inference/server/generation_job.h"
#include "inference/server/logprobs.h"

namespace strata::inference {
namespace {

using Json = nlohmann::json;

struct Prompt {
  std::vector<int32_t> ids;
  std::string text;  // for echo
};

class CompletionFormat : public AnswerFormat {
 public:
  CompletionFormat(std::shared_ptr<const Engine> engine, bool logprobs,
                   std::vector<std::string> echoes)
      : engine_(std::move(engine)), logprobs_(logprobs), echoes_(std::move(echoes)) {}

  std::string IdPrefix() const override { return "cmpl-"; }
  std::string Object(bool) const override { return "text_completion"; }
  bool wants_logprobs() const override { return logprobs_; }

  Json Whole(int index, const AnswerPiece& answer, const std::vector<TokenEvent>& events,
             const std::string& finish_reason) const override {
    return Choice(index, echoes_.empty() ? answer.text : absl::StrCat(echoes_[index], answer.text),
                  Logprobs(events), finish_reason);
  }
  Json Opening(int index) const override {
    return echoes_.empty() ? Json() : Choice(index, echoes_[index], nullptr, nullptr);
  }
  std::vector<Json> Pieces(int index, const AnswerPiece& piece,
                           const std::vector<TokenEvent>& events) const override {
    return {Choice(index, piece.text, Logprobs(events), nullptr)};
  }
  Json Finish(int index, const std::string& finish_reason) const override {
    return Choice(index, "", nullptr, finish_reason);
  }

 private:
  static Json Choice(int index, const std::string& text, Json logprobs, Json finish_reason) {
    return {{"index", index},
            {"text", text},
            {"logprobs", std::move(logprobs)},
            {"finish_reason", std::move(finish_reason)}};
  }
  Json Logprobs(const std::vector<TokenEvent>& events) const {
    int64_t offset = 0;
    return logprobs_ && !events.empty() ? CompletionLogprobs(engine_->tokenizer(), events, &offset)
                                        : Json();
  }

  const std::shared_ptr<const Engine> engine_;
  const bool logprobs_;
  const std::vector<std::string> echoes_;  // by choice; none without echo
};

bool IsIds(const Json& value) {
  return value.is_array() && !value.empty() && value.front().is_number();
}

absl::StatusOr<Prompt> ReadIds(const RequestFields& fields, const Json& list) {
  Prompt prompt;
  for (const Json& id : list) {
    if (!id.is_number_integer()) {
      return fields.Error("prompt",
                          absl::StrCat("a token id must be an integer, not ", id.type_name()),
                          "invalid_type");
    }
    const bool fits = id.is_number_unsigned() && id.get<uint64_t>() <= 0x7fffffff;
    prompt.ids.push_back(fits ? id.get<int32_t>() : -1);  // CheckPrompt refuses -1
  }
  return prompt;
}

absl::StatusOr<std::vector<Prompt>> ReadPrompts(const Serving& serving, const RequestFields& fields,
                                                const Json& value) {
  const bool several = value.is_array() && !IsIds(value);
  const size_t count = several ? value.size() : 1;
  if (count == 0) return fields.Error("prompt", "is an empty list");
  if (count > kMaxChoices)
    return fields.Error("prompt", absl::StrCat("has ", count, " parts; at most ", kMaxChoices));
  std::vector<Prompt> prompts;
  for (size_t i = 0; i < count; ++i) {
    const Json& part = several ? value[i] : value;
    Prompt prompt;
    if (part.is_string()) {
      prompt.text = part.get_ref<const std::string&>();
      prompt.ids = EncodePrompt(serving, prompt.text);
    } else if (IsIds(part)) {
      STRATA_ASSIGN_OR_RETURN(prompt, ReadIds(fields, part));
    } else {
      return fields.Error("prompt",
                          absl::StrCat("must be a string, a list of strings, or token ids, not ",
                                       part.is_array() ? "an empty list" : part.type_name()),
                          "invalid_type");
    }
    STRATA_RETURN_IF_ERROR(
        CheckPrompt(serving, several ? absl::StrCat("prompt[", i, "]") : "prompt", prompt.ids));
    if (!part.is_string())
      prompt.text = ReplaceInvalidUtf8(serving.engine->tokenizer().Decode(prompt.ids));
    prompts.push_back(std::move(prompt));
  }
  return prompts;
}

absl::Status ReadBestOf(RequestFields* fields, GenerationParams* params) {
  params->best_of = params->n;
  STRATA_RETURN_IF_ERROR(fields->Integer("best_of", 1, kMaxChoices, &params->best_of));
  if (params->best_of < params->n) {
    return fields->Error("best_of",
                         absl::StrCat(params->best_of, " is below n, which is ", params->n));
  }
  if (params->stream && params->best_of > params->n)
    return fields->Error("best_of", "cannot be above n in a stream: the best is known at the end");
  return absl::OkStatus();
}

}  // namespace

absl::Status HandleCompletions(Serving& serving, const HttpCall& call,
                               const std::shared_ptr<HttpReply>& reply) {
  STRATA_ASSIGN_OR_RETURN(const Json body, ParseRequest(call.body));
  RequestFields fields(body);
  GenerationJob job;
  job.arrival = call.arrival;
  STRATA_ASSIGN_OR_RETURN(job.params, ReadGenerationParams(&fields, call.body, serving));
  STRATA_RETURN_IF_ERROR(
      fields.Integer("max_tokens", 0, int64_t{1} << 31, &job.params.request.max_tokens));
  int64_t logprobs = -1;
  STRATA_RETURN_IF_ERROR(fields.Integer("logprobs", 0, 20, &logprobs));
  if (logprobs > 0) job.params.request.top_logprobs = logprobs;
  bool echo = false;
  STRATA_RETURN_IF_ERROR(fields.Boolean("echo", &echo));
  if (echo && logprobs >= 0) {
    return fields.Error("echo", "with logprobs is not supported; leave out one of them",
                        "unsupported_parameter");
  }
  STRATA_RETURN_IF_ERROR(ReadBestOf(&fields, &job.params));
  STRATA_RETURN_IF_ERROR(fields.RefuseUnless("suffix", ""));
  STRATA_ASSIGN_OR_RETURN(const Json* prompt, fields.Require("prompt"));
  STRATA_RETURN_IF_ERROR(fields.RefuseOthers());
  STRATA_ASSIGN_OR_RETURN(std::vector<Prompt> prompts, ReadPrompts(serving, fields, *prompt));
  const int64_t choices =
      static_cast<int64_t>(prompts.size()) * std::max(job.params.n, job.params.best_of);
  if (choices > kMaxChoices) {
    return fields.Error(
        "n", absl::StrCat("times the number of prompts is ", choices, "; at most ", kMaxChoices));
  }
  std::vector<std::string> echoes;
  for (Prompt& part : prompts) {
    if (echo) echoes.insert(echoes.end(), static_cast<size_t>(job.params.n), part.text);
    job.prompts.push_back(std::move(part.ids));
  }
  job.format = std::make_shared<CompletionFormat>(serving.engine, logprobs >= 0, std::move(echoes));
  return SubmitGeneration(serving, std::move(job), reply);
}

}  // namespace strata::inference
