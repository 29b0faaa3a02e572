#include "inference/engine/engine_thread.h"

#include <deque>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace strata::inference {
namespace {

constexpr int64_t kMaxAnswers = 1 << 16;  // to one request; each takes memory before it begins

// What the blocking forms hand from the engine's thread to the caller's.
class Mailbox {
 public:
  explicit Mailbox(int64_t choices) : open_(choices), results_(static_cast<size_t>(choices)) {}

  void Put(const TokenEvent& event) {
    const std::lock_guard<std::mutex> lock(mutex_);
    events_.push_back(event);
    changed_.notify_one();
  }

  void End(int64_t choice, const absl::StatusOr<Generation>& result) {
    const std::lock_guard<std::mutex> lock(mutex_);
    results_[static_cast<size_t>(choice)] = result;
    --open_;
    changed_.notify_one();
  }

  // The next event, in order; nothing when all answers have ended.
  std::optional<TokenEvent> Take() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return !events_.empty() || open_ == 0; });
    if (events_.empty()) return std::nullopt;
    TokenEvent event = std::move(events_.front());
    events_.pop_front();
    return event;
  }

  // After Take() gave nothing.
  absl::StatusOr<std::vector<Generation>> Results() {
    std::vector<Generation> all;
    for (std::optional<absl::StatusOr<Generation>>& result : results_) {
      STRATA_RETURN_IF_ERROR(result->status());
      all.push_back(**std::move(result));
    }
    return all;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<TokenEvent> events_;
  int64_t open_;
  std::vector<std::optional<absl::StatusOr<Generation>>> results_;
};

// The answer as the listener heard it who stopped after `heard` tokens of it: the engine may have been ahead of him.
void CutOff(Generation* generation, int64_t heard, std::string text) {
  generation->finish = FinishReason::kAborted;
  generation->tokens.resize(std::min(generation->tokens.size(), static_cast<size_t>(heard)));
  generation->text = std::move(text);
}

}  // namespace

EngineThread::EngineThread(std::shared_ptr<const DecoderModel> model,
                           std::shared_ptr<const Tokenizer> tokenizer,
                           std::unique_ptr<EngineCore> core, int64_t context, bool prepare)
    : model_(std::move(model)),
      tokenizer_(std::move(tokenizer)),
      context_(context),
      core_(std::move(core)),
      prepare_(prepare),
      stats_(core_->stats()),
      thread_([this] { Loop(); }) {}

EngineThread::~EngineThread() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
    wake_.notify_one();
  }
  thread_.join();
}

absl::Status EngineThread::Check(const GenerateRequest& request) const {
  STRATA_RETURN_IF_ERROR(ValidateSampling(request.sampling));
  const auto bad = [](auto... parts) { return absl::InvalidArgumentError(absl::StrCat(parts...)); };
  if (request.max_tokens < 0) return bad("max_tokens: ", request.max_tokens, " is negative");
  if (request.n < 1) return bad("n: ", request.n, " is below 1");
  if (request.n > kMaxAnswers) return bad("n: ", request.n, " is above ", kMaxAnswers);
  constexpr int64_t kFurthest = AdmissionOrder::kMaxPriority;
  if (request.priority > kFurthest || request.priority < -kFurthest)
    return bad("priority: ", request.priority, " is beyond ", kFurthest);
  if (request.prompt.empty()) return bad("prompt: is empty; give at least one token");
  const auto length = static_cast<int64_t>(request.prompt.size());
  if (length > context())
    return bad("prompt: has ", length, " tokens; the context holds ", context());
  const int64_t vocabulary = model_->vocab_size();
  for (int32_t id : request.prompt) {
    if (id < 0 || id >= vocabulary)
      return bad("prompt: token id ", id, " is outside [0, ", vocabulary, ")");
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> EngineThread::Submit(const GenerateRequest& request, OnToken on_token,
                                             OnDone on_done) {
  STRATA_RETURN_IF_ERROR(Check(request));
  const std::lock_guard<std::mutex> lock(mutex_);
  inbox_.push_back({std::make_shared<const GenerateRequest>(request), std::move(on_token),
                    std::move(on_done), EngineClock::now()});
  wake_.notify_one();
  return next_id_++;
}

void EngineThread::Cancel(int64_t request) {
  const std::lock_guard<std::mutex> lock(mutex_);
  cancels_.push_back(request);
  wake_.notify_one();
}

absl::StatusOr<std::vector<Generation>> EngineThread::GenerateAll(const GenerateRequest& request,
                                                                  const OnToken& on_token) {
  STRATA_RETURN_IF_ERROR(Check(request));
  auto mail = std::make_shared<Mailbox>(request.n);
  OnToken forward;
  if (on_token) {
    forward = [mail](const TokenEvent& event) {
      mail->Put(event);
      return true;
    };
  }
  STRATA_ASSIGN_OR_RETURN(
      const int64_t id,
      Submit(request, forward, [mail](int64_t choice, const absl::StatusOr<Generation>& result) {
        mail->End(choice, result);
      }));
  std::vector<int64_t> heard(static_cast<size_t>(request.n));
  std::vector<std::string> texts(static_cast<size_t>(request.n));
  bool aborted = false;
  while (std::optional<TokenEvent> event = mail->Take()) {
    if (aborted) continue;
    const auto choice = static_cast<size_t>(event->choice);
    if (event->token >= 0) ++heard[choice];
    texts[choice] += event->text;
    if (on_token(*event) || event->token < 0) continue;
    aborted = true;
    Cancel(id);
  }
  STRATA_ASSIGN_OR_RETURN(std::vector<Generation> all, mail->Results());
  if (aborted)
    for (size_t i = 0; i < all.size(); ++i) CutOff(&all[i], heard[i], texts[i]);
  return all;
}

absl::StatusOr<Generation> EngineThread::Generate(const GenerateRequest& request,
                                                  const OnToken& on_token) {
  if (request.n != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("n: is ", request.n, "; Generate() gives one answer, GenerateAll() any"));
  }
  STRATA_ASSIGN_OR_RETURN(std::vector<Generation> all, GenerateAll(request, on_token));
  return std::move(all.front());
}

EngineStats EngineThread::stats() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  EngineStats stats = stats_;
  stats.waiting += static_cast<int64_t>(inbox_.size());
  return stats;
}

absl::Status EngineThread::CheckEmpty() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return empty_;
}

void EngineThread::TakeInbox(std::unique_lock<std::mutex>* lock) {
  std::vector<Submission> inbox = std::exchange(inbox_, {});
  std::vector<int64_t> cancels = std::exchange(cancels_, {});
  stats_.waiting += static_cast<int64_t>(inbox.size());
  lock->unlock();
  for (Submission& s : inbox) {
    core_->Add(std::move(s.request), std::move(s.on_token), std::move(s.on_done), s.arrival);
  }
  for (int64_t id : cancels) core_->Cancel(id);
  lock->lock();
}

// Tells of ended answers, after the counts show them.
void EngineThread::Deliver() {
  const std::vector<EngineCore::Finished> finished = core_->TakeFinished();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stats_ = core_->stats();
    empty_ = core_->CheckEmpty();
  }
  for (const EngineCore::Finished& end : finished)
    if (end.request->on_done) end.request->on_done(end.choice, end.result);
}

void EngineThread::Loop() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    wake_.wait(lock, [&] {
      return stop_ || prepare_ || core_->busy() || !inbox_.empty() || !cancels_.empty();
    });
    const bool stop = stop_;
    TakeInbox(&lock);
    lock.unlock();
    if (stop) core_->CancelAll();
    if (core_->busy()) {
      core_->Step();
    } else if (prepare_) {
      prepare_ = core_->Prepare();
    }
    Deliver();
    if (stop) return;
    lock.lock();
  }
}

}  // namespace strata::inference
