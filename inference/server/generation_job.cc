#include "inference/server/generation_job.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <numeric>
#include <optional>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "inference/server/answer_stream.h"
#include "inference/server/api_error.h"

namespace strata::inference {
namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

double Seconds(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
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

// One answer on its way.
struct Choice {
  explicit Choice(const RequestTools& tools) : reader(tools) {}

  AnswerReader reader;
  AnswerPiece answer;              // so far
  std::vector<TokenEvent> events;  // for logprobs of a whole answer
  std::string finish_reason;
  GenerationSample sample;
  double log_probability = 0;  // sum over its tokens
  Clock::time_point last;

  double MeanLogProbability() const {
    return sample.generated_tokens == 0
               ? -std::numeric_limits<double>::infinity()
               : log_probability / static_cast<double>(sample.generated_tokens);
  }
};

// The requests to the engine behind one API request. The engine calls from its thread, the keep-alive from its own, the
// transport when the client has gone; the mutex is between them.
class Run : public std::enable_shared_from_this<Run>, public Pinged {
 public:
  Run(Serving& serving, GenerationJob job, std::shared_ptr<HttpReply> reply,
      std::shared_ptr<void> slot)
      : slot_(std::move(slot)),
        serving_(serving),
        job_(std::move(job)),
        reply_(std::move(reply)),
        stream_(reply_, {{"id", NewId(job_.format->IdPrefix())},
                         {"object", job_.format->Object(job_.params.stream)},
                         {"created", UnixSeconds()},
                         {"model", serving_.model_name}}),
        choices_(job_.prompts.size() * static_cast<size_t>(PerPrompt()), Choice(job_.tools)),
        open_(choices_.size()) {}

  // Submits everything; on an error nothing goes on, and the reply is not used.
  absl::Status Start() {
    for (size_t p = 0; p < job_.prompts.size(); ++p) {
      const absl::StatusOr<int64_t> id = Submit(p);
      if (id.ok()) {
        const std::lock_guard<std::mutex> lock(mutex_);
        ids_.push_back(*id);
        continue;
      }
      Silence();
      return id.status();
    }
    reply_->OnCancelled([weak = weak_from_this()] {
      if (const auto run = weak.lock()) run->Silence();
    });
    return absl::OkStatus();
  }

  void Ping(Clock::time_point now, Clock::duration silence) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (job_.params.stream && !ended_) stream_.KeepAlive(now, silence);
  }

 private:
  int64_t PerPrompt() const { return std::max(job_.params.n, job_.params.best_of); }

  absl::StatusOr<int64_t> Submit(size_t p) {
    GenerateRequest request = job_.params.request;
    request.prompt = job_.prompts[p];
    request.n = PerPrompt();
    request.log_probabilities = job_.format->wants_logprobs() || job_.params.best_of > 1;
    const size_t first = p * static_cast<size_t>(PerPrompt());
    const auto self = shared_from_this();
    return serving_.engine->Submit(
        request,
        [self, first](const TokenEvent& event) {
          return self->OnToken(first + static_cast<size_t>(event.choice), event);
        },
        [self, first](int64_t choice, const absl::StatusOr<Generation>& result) {
          self->OnDone(first + static_cast<size_t>(choice), result);
        });
  }

  // Nothing is written any more, and the engine is told to stop.
  void Silence() {
    std::vector<int64_t> ids;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ended_ = true;
      ids = ids_;
    }
    for (int64_t id : ids) serving_.engine->Cancel(id);
  }

  bool OnToken(size_t index, const TokenEvent& event) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (ended_ || reply_->cancelled()) return false;
    Choice& choice = choices_[index];
    if (choice.reader.ended()) return !AllEnded(PromptOf(index));  // others may go on
    if (event.token >= 0) Count(event, &choice);
    const AnswerPiece piece = choice.reader.Push(event.text);
    choice.answer.Append(piece);
    const bool token = event.token >= 0 && job_.format->wants_logprobs();
    if (job_.params.stream) {
      Stream(index, piece, token ? std::vector<TokenEvent>{event} : std::vector<TokenEvent>());
    } else if (token) {
      choice.events.push_back(event);
    }
    return !choice.reader.ended() || !AllEnded(PromptOf(index));
  }

  void Stream(size_t index, const AnswerPiece& piece, const std::vector<TokenEvent>& events) {
    const bool silent = piece.empty() && choices_[index].reader.looks_for_calls() &&
                        events.empty() && !job_.params.continuous_usage;
    Open(index);
    if (silent) return;
    for (const Json& part : job_.format->Pieces(static_cast<int>(index), piece, events))
      stream_.SendChoice(part, ChunkUsage());
  }

  // Whether no answer to the prompt needs a token more. Then its request can end early.
  bool AllEnded(size_t prompt) const {
    const auto first = choices_.begin() + static_cast<ptrdiff_t>(prompt) * PerPrompt();
    return std::all_of(first, first + PerPrompt(), [](const Choice& choice) {
      return choice.reader.ended() || !choice.finish_reason.empty();
    });
  }

  void Count(const TokenEvent& event, Choice* choice) {
    const Clock::time_point now = Clock::now();
    if (choice->sample.generated_tokens++ == 0) {
      serving_.metrics.RecordFirstToken(Seconds(job_.arrival, now));
    } else {
      serving_.metrics.RecordNextToken(Seconds(choice->last, now));
    }
    serving_.metrics.RecordGeneratedToken();
    choice->last = now;
    choice->log_probability += event.log_probability;
    ++completion_tokens_;
  }

  void OnDone(size_t index, const absl::StatusOr<Generation>& result) {
    bool failed = false;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      Record(index, result);
      --open_;
      failed = !result.ok() && !ended_;
      if (failed) {
        Fail(result.status());
      } else if (!ended_ && !Aborted(index, *result)) {
        EndChoice(index);
        if (open_ == 0) End();
      } else {
        ended_ = true;  // no one listens: dropping the reply closes the connection
      }
    }
    if (failed) Silence();
  }

  void Record(size_t index, const absl::StatusOr<Generation>& result) {
    Choice& choice = choices_[index];
    GenerationSample& sample = choice.sample;
    sample.prompt_tokens = static_cast<int64_t>(job_.prompts[PromptOf(index)].size());
    sample.max_tokens = job_.params.request.max_tokens;
    if (!result.ok()) return serving_.metrics.RecordFinished("error", sample);
    sample.cached_tokens = result->cached_tokens;
    sample.queue_seconds = result->queue_seconds;
    sample.prefill_seconds = result->prefill_seconds;
    sample.decode_seconds = result->decode_seconds;
    sample.total_seconds = Seconds(job_.arrival, Clock::now());
    // An answer that its call has ended stops there, whatever became of the request.
    choice.finish_reason = choice.reader.ended() ? "stop" : FinishName(result->finish);
    if (sample.generated_tokens > 0) {
      // The choices of one prompt share its computation; the longest counts as the request's.
      const bool first = index % static_cast<size_t>(PerPrompt()) == 0;
      serving_.metrics.RecordPrompt(first ? sample.prompt_tokens : 0,
                                    first ? sample.cached_tokens : 0);
    }
    if (index % static_cast<size_t>(PerPrompt()) == 0) cached_tokens_ += result->cached_tokens;
    serving_.metrics.RecordFinished(choice.finish_reason, sample);
  }

  size_t PromptOf(size_t index) const { return index / static_cast<size_t>(PerPrompt()); }

  bool Aborted(size_t index, const Generation& result) const {
    return result.finish == FinishReason::kAborted && !choices_[index].reader.ended();
  }

  void EndChoice(size_t index) {
    Choice& choice = choices_[index];
    const AnswerPiece rest = choice.reader.Finish();
    choice.answer.Append(rest);
    if (choice.reader.has_calls() && choice.finish_reason == "stop")
      choice.finish_reason = "tool_calls";
    if (!job_.params.stream) return;
    if (!rest.empty()) Stream(index, rest, {});
    Open(index);
    stream_.SendChoice(job_.format->Finish(static_cast<int>(index), choice.finish_reason),
                       ChunkUsage());
  }

  // Begins the choice, where that has not been done.
  void Open(size_t index) {
    if (opened_.size() <= index) opened_.resize(choices_.size());
    if (opened_[index]) return;
    opened_[index] = true;
    const Json opening = job_.format->Opening(static_cast<int>(index));
    if (!opening.is_null()) stream_.SendChoice(opening, ChunkUsage());
  }

  Json Usage() const {
    int64_t prompt_tokens = 0;
    for (const auto& prompt : job_.prompts) prompt_tokens += static_cast<int64_t>(prompt.size());
    return {{"prompt_tokens", prompt_tokens},
            {"completion_tokens", completion_tokens_},
            {"total_tokens", prompt_tokens + completion_tokens_},
            {"prompt_tokens_details", {{"cached_tokens", cached_tokens_}}}};
  }

  // What chunks say of the usage: nothing, null, or how much it is so far.
  std::optional<Json> ChunkUsage() const {
    if (job_.params.continuous_usage) return Usage();
    return job_.params.include_usage ? std::optional<Json>(nullptr) : std::nullopt;
  }

  void End() {
    ended_ = true;
    int64_t longest = 0;
    for (const Choice& choice : choices_)
      longest = std::max(longest, choice.sample.generated_tokens);
    serving_.metrics.RecordRequest(PerPrompt(), longest);
    if (job_.params.stream) {
      if (job_.params.include_usage) stream_.SendUsage(Usage());
      return stream_.End();
    }
    Json choices = Json::array();
    for (size_t index : Best()) {
      const Choice& choice = choices_[index];
      choices.push_back(job_.format->Whole(static_cast<int>(choices.size()), choice.answer,
                                           choice.events, choice.finish_reason));
    }
    Json body = stream_.frame();
    body["choices"] = std::move(choices);
    body["usage"] = Usage();
    reply_->Send({.body = AnswerStream::Dump(body)});
  }

  // The choices that are told: all, or of each prompt the n with the highest log probability a token.
  std::vector<size_t> Best() const {
    const auto per_prompt = static_cast<size_t>(PerPrompt());
    const auto n = static_cast<size_t>(job_.params.n);
    std::vector<size_t> best;
    for (size_t first = 0; first < choices_.size(); first += per_prompt) {
      std::vector<size_t> order(per_prompt);
      std::iota(order.begin(), order.end(), first);
      if (n < per_prompt) {
        std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
          return choices_[a].MeanLogProbability() > choices_[b].MeanLogProbability();
        });
      }
      best.insert(best.end(), order.begin(), order.begin() + static_cast<ptrdiff_t>(n));
    }
    return best;
  }

  void Fail(const absl::Status& error) {
    ended_ = true;
    if (!stream_.begun())
      return reply_->Send({.status = HttpStatus(error), .body = ErrorText(error)});
    stream_.SendEvent(ErrorObject(error));
    stream_.End();
  }

  const std::shared_ptr<void> slot_;  // first, so that it goes last: then the server may go
  Serving& serving_;
  const GenerationJob job_;
  const std::shared_ptr<HttpReply> reply_;
  std::mutex mutex_;  // guards what follows
  AnswerStream stream_;
  std::vector<Choice> choices_;  // of all prompts, one after another
  std::vector<bool> opened_;     // by choice
  size_t open_;                  // choices under way
  std::vector<int64_t> ids_;     // of the engine's requests
  bool ended_ = false;           // nothing more is written
  int64_t completion_tokens_ = 0, cached_tokens_ = 0;
};

}  // namespace

absl::Status SubmitGeneration(Serving& serving, GenerationJob job,
                              std::shared_ptr<HttpReply> reply) {
  std::shared_ptr<void> slot = serving.slots.Take();
  if (slot == nullptr) {
    return ApiError(absl::StatusCode::kResourceExhausted, "",
                    "too many requests are waiting; try again later");
  }
  const bool stream = job.params.stream;
  auto run = std::make_shared<Run>(serving, std::move(job), std::move(reply), std::move(slot));
  STRATA_RETURN_IF_ERROR(run->Start());
  if (stream) serving.keep_alive.Add(run);
  return absl::OkStatus();
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
