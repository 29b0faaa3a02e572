#include "inference/server/generation_job.h"

#include <algorithm>
#include <atomic>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "inference/server/api_error.h"

namespace strata::inference {
namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

double Seconds(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string NewId(const std::string& prefix) {
  static thread_local std::mt19937_64 random{std::random_device()()};
  return absl::StrCat(prefix, absl::StrFormat("%016x%016x", random(), random()));
}

int64_t UnixSeconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

struct Choice {
  std::string text;
  std::vector<TokenEvent> events;
  std::string finish_reason;
};

class Runner {
 public:
  Runner(Serving& serving, GenerationJob job, std::shared_ptr<HttpReply> reply)
      : serving_(serving), job_(std::move(job)), reply_(std::move(reply)) {
    frame_ = {{"id", NewId(job_.format->IdPrefix())},
              {"object", job_.format->Object(job_.params.stream)},
              {"created", UnixSeconds()},
              {"model", serving_.model_name}};
  }

  void Run() {
    Json choices = Json::array();
    int index = 0;
    for (const std::vector<int32_t>& prompt : job_.prompts) {
      prompt_tokens_ += static_cast<int64_t>(prompt.size());
      for (int64_t i = 0; i < job_.params.n; ++i, ++index) {
        GenerateRequest request = job_.params.request;
        request.prompt = prompt;
        request.sampling.seed += static_cast<uint64_t>(i);
        const absl::StatusOr<Choice> choice = RunChoice(index, request);
        if (!choice.ok()) return Fail(choice.status());
        if (choice->finish_reason == "abort")
          return;  // no one listens: dropping the reply closes the connection
        if (!job_.params.stream) {
          choices.push_back(
              job_.format->Whole(index, choice->text, choice->events, choice->finish_reason));
        }
      }
    }
    job_.params.stream ? EndStream() : SendWhole(std::move(choices));
  }

 private:
  absl::StatusOr<Choice> RunChoice(int index, const GenerateRequest& request) {
    Choice choice;
    GenerationSample sample;
    sample.prompt_tokens = static_cast<int64_t>(request.prompt.size());
    sample.max_tokens = request.max_tokens;
    if (reply_->cancelled()) {
      choice.finish_reason = "abort";
      serving_.metrics.RecordFinished("abort", sample);
      return choice;
    }
    const Clock::time_point start = Clock::now();
    Clock::time_point first = start, last = start;
    bool stopped_by_token = false;
    const auto on_token = [&](const TokenEvent& event) {
      if (reply_->cancelled()) return false;
      stopped_by_token = event.token >= 0 && IsStopToken(event.token) && !request.ignore_eos;
      if (stopped_by_token) return false;
      if (event.token >= 0) {
        const Clock::time_point now = Clock::now();
        if (sample.generated_tokens++ == 0) {
          first = now;
          serving_.metrics.RecordPrompt(sample.prompt_tokens);
          serving_.metrics.RecordFirstToken(Seconds(job_.arrival, now));
        } else {
          serving_.metrics.RecordNextToken(Seconds(last, now));
        }
        last = now;
        serving_.metrics.RecordGeneratedToken();
      }
      Add(index, event, &choice);
      return true;
    };
    absl::StatusOr<Generation> generation = serving_.engine->Generate(request, on_token);
    if (!generation.ok()) {
      serving_.metrics.RecordFinished("error", sample);
      return generation.status();
    }
    choice.finish_reason = stopped_by_token ? "stop" : FinishName(generation->finish);
    if (stopped_by_token &&
        generation->text.size() > choice.text.size()) {  // what the engine had held back
      Add(index, TokenEvent{-1, generation->text.substr(choice.text.size())}, &choice);
    }
    completion_tokens_ += sample.generated_tokens;
    sample.queue_seconds = Seconds(job_.arrival, start);
    sample.prefill_seconds = Seconds(start, first);
    sample.decode_seconds = Seconds(first, last);
    sample.total_seconds = Seconds(job_.arrival, last);
    serving_.metrics.RecordFinished(choice.finish_reason, sample);
    if (job_.params.stream && choice.finish_reason != "abort") {
      Open(index);
      SendChoice(job_.format->Finish(index, choice.finish_reason));
    }
    return choice;
  }

  bool IsStopToken(int32_t token) const {
    return std::find(job_.stop_tokens.begin(), job_.stop_tokens.end(), token) !=
           job_.stop_tokens.end();
  }

  void Add(int index, const TokenEvent& event, Choice* choice) {
    choice->text += event.text;
    const bool token = event.token >= 0 && job_.format->wants_logprobs();
    if (!job_.params.stream) {
      if (token) choice->events.push_back(event);
      return;
    }
    if (event.text.empty() && !token) return;
    Open(index);
    std::vector<TokenEvent> events;
    if (token) events.push_back(event);
    SendChoice(job_.format->Piece(index, event.text, events));
  }

  // Begins the stream and the choice, where that has not been done.
  void Open(int index) {
    if (opened_ < 0) reply_->BeginStream(200, "text/event-stream; charset=utf-8");
    if (index <= opened_) return;
    opened_ = index;
    Json opening = job_.format->Opening(index);
    if (!opening.is_null()) SendChoice(std::move(opening));
  }

  void SendChoice(Json choice) {
    Json event = frame_;
    event["choices"] = Json::array({std::move(choice)});
    if (job_.params.include_usage) event["usage"] = nullptr;
    SendEvent(event);
  }

  void SendEvent(const Json& event) { reply_->Write(absl::StrCat("data: ", Dump(event), "\n\n")); }

  Json Usage() const {
    return {{"prompt_tokens", prompt_tokens_},
            {"completion_tokens", completion_tokens_},
            {"total_tokens", prompt_tokens_ + completion_tokens_}};
  }

  void EndStream() {
    if (job_.params.include_usage) {
      Json event = frame_;
      event["choices"] = Json::array();
      event["usage"] = Usage();
      SendEvent(event);
    }
    reply_->Write("data: [DONE]\n\n");
    reply_->End();
  }

  void SendWhole(Json choices) {
    Json body = frame_;
    body["choices"] = std::move(choices);
    body["usage"] = Usage();
    reply_->Send({.body = Dump(body)});
  }

  void Fail(const absl::Status& error) {
    if (opened_ < 0) return reply_->Send({.status = HttpStatus(error), .body = ErrorText(error)});
    SendEvent(ErrorObject(error));
    reply_->Write("data: [DONE]\n\n");
    reply_->End();
  }

  Serving& serving_;
  const GenerationJob job_;
  const std::shared_ptr<HttpReply> reply_;
  Json frame_;       // what all events of the answer have in common
  int opened_ = -1;  // last choice whose stream has begun
  int64_t prompt_tokens_ = 0, completion_tokens_ = 0;
};

}  // namespace

absl::Status SubmitGeneration(Serving& serving, GenerationJob job,
                              std::shared_ptr<HttpReply> reply) {
  auto runner = std::make_shared<Runner>(serving, std::move(job), std::move(reply));
  if (serving.pool.Submit([runner = std::move(runner)] { runner->Run(); })) return absl::OkStatus();
  return ApiError(absl::StatusCode::kResourceExhausted, "",
                  "too many requests are waiting; try again later");
}

std::string FinishName(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kAborted:
      break;
  }
  return "abort";
}

}  // namespace strata::inference
