#include "inference/server/fake_engine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace strata::inference {
namespace {

// Never run: the fake engine needs its name and sizes only.
class FakeEngineModel : public DecoderModel {
 public:
  FakeEngineModel(int64_t vocab_size, int64_t max_context)
      : vocab_size_(vocab_size), max_context_(max_context) {}
  const std::string& name() const override { return name_; }
  int64_t vocab_size() const override { return vocab_size_; }
  int64_t max_context() const override { return max_context_; }
  absl::StatusOr<graph::Graph> BuildStep(const StepShape&, KvFormat) const override {
    return absl::UnimplementedError("the fake engine has no graph");
  }
  const WeightMap& weights() const override { return weights_; }

 private:
  const std::string name_ = "fake";
  const int64_t vocab_size_, max_context_;
  const WeightMap weights_;
};

size_t FirstStop(const std::string& text, const std::vector<std::string>& stops) {
  size_t first = std::string::npos;
  for (const std::string& stop : stops) first = std::min(first, text.find(stop));
  return first;
}

}  // namespace

FakeTokenizer::FakeTokenizer(bool chat, std::vector<std::string> more)
    : specials_({"<|endoftext|>"}) {
  if (!chat) return;
  specials_.insert(specials_.end(), {"<|im_start|>", "<|im_end|>"});
  specials_.insert(specials_.end(), more.begin(), more.end());
}

std::vector<int32_t> FakeTokenizer::Encode(absl::string_view text) const {
  std::vector<int32_t> ids;
  while (!text.empty()) {
    int32_t id = static_cast<unsigned char>(text.front());
    size_t size = 1;
    for (int32_t special = kEnd; special < vocab_size(); ++special) {
      const std::string& mark = specials_[static_cast<size_t>(special - kEnd)];
      if (!absl::StartsWith(text, mark)) continue;
      id = special;
      size = mark.size();
    }
    ids.push_back(id);
    text.remove_prefix(size);
  }
  return ids;
}

std::vector<int32_t> FakeTokenizer::EncodeOrdinary(absl::string_view text) const {
  std::vector<int32_t> ids;
  for (char c : text) ids.push_back(static_cast<unsigned char>(c));
  return ids;
}

std::string FakeTokenizer::Decode(absl::Span<const int32_t> ids) const {
  std::string text;
  for (int32_t id : ids) text += TokenBytes(id);
  return text;
}

std::string FakeTokenizer::TokenBytes(int32_t id) const {
  if (IsSpecial(id)) return specials_[static_cast<size_t>(id - kEnd)];
  return id >= 0 && id < 256 ? std::string(1, static_cast<char>(id)) : std::string();
}

std::optional<int32_t> FakeTokenizer::TokenId(absl::string_view bytes) const {
  const std::vector<int32_t> ids = Encode(bytes);
  return ids.size() == 1 ? std::optional<int32_t>(ids[0]) : std::nullopt;
}

FakeEngine::FakeEngine(int64_t context, bool chat_tokens, std::vector<std::string> more_specials)
    : context_(context),
      tokenizer_(chat_tokens, std::move(more_specials)),
      model_(std::make_unique<FakeEngineModel>(tokenizer_.vocab_size(), context)) {}

void FakeEngine::SetAnswer(std::vector<int32_t> tokens) {
  std::lock_guard<std::mutex> lock(mutex_);
  answer_ = std::move(tokens);
}

void FakeEngine::FailAfter(int tokens, absl::Status error) {
  std::lock_guard<std::mutex> lock(mutex_);
  fail_after_ = tokens;
  failure_ = std::move(error);
}

void FakeEngine::HoldAfter(int tokens) {
  std::lock_guard<std::mutex> lock(mutex_);
  hold_after_ = tokens;
}

void FakeEngine::WaitUntilHeld(int count) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [&] { return held_ >= count; });
}

void FakeEngine::Release() {
  std::lock_guard<std::mutex> lock(mutex_);
  hold_after_ = -1;
  changed_.notify_all();
}

bool FakeEngine::HoldAt(int token, int64_t id) {
  std::unique_lock<std::mutex> lock(mutex_);
  if (hold_after_ == token) {
    ++held_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return hold_after_ < 0 || cancelled_.count(id) > 0; });
    --held_;
  }
  return cancelled_.count(id) == 0;
}

void FakeEngine::SetStep(std::chrono::microseconds step) {
  std::lock_guard<std::mutex> lock(mutex_);
  step_ = step;
}

void FakeEngine::SetStats(const EngineStats& stats) {
  std::lock_guard<std::mutex> lock(mutex_);
  stats_ = stats;
}

void FakeEngine::WaitUntilAborted(int count) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [&] { return stats_.finished_aborted >= count; });
}

std::vector<GenerateRequest> FakeEngine::requests() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return requests_;
}

EngineStats FakeEngine::stats() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return stats_;
}

std::vector<int32_t> FakeEngine::Answer(const GenerateRequest& request) const {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!answer_.empty()) return answer_;
  return tokenizer_.EncodeOrdinary(
      absl::StrCat(" Grüße, 世界 🎉 ", request.prompt.size(), "/", request.sampling.seed % 10, "!"));
}

FakeEngine::~FakeEngine() {
  for (std::thread& thread : threads_) thread.join();
}

absl::Status FakeEngine::Take(const GenerateRequest& request) {
  STRATA_RETURN_IF_ERROR(ValidateSampling(request.sampling));
  if (request.prompt.empty()) return absl::InvalidArgumentError("prompt: is empty");
  std::lock_guard<std::mutex> lock(mutex_);
  requests_.push_back(request);
  return absl::OkStatus();
}

absl::StatusOr<Generation> FakeEngine::Generate(const GenerateRequest& request,
                                                const OnToken& on_token) {
  STRATA_RETURN_IF_ERROR(Take(request));
  return RunOne(request, 0, 0, on_token);
}

absl::StatusOr<int64_t> FakeEngine::Submit(const GenerateRequest& request, OnToken on_token,
                                           OnDone on_done) {
  STRATA_RETURN_IF_ERROR(Take(request));
  std::lock_guard<std::mutex> lock(mutex_);
  const int64_t id = next_id_++;
  threads_.emplace_back([this, id, request = request, on_token = std::move(on_token),
                         on_done = std::move(on_done)]() mutable {
    for (int64_t choice = 0; choice < request.n; ++choice, ++request.sampling.seed)
      on_done(choice, RunOne(request, choice, id, on_token));
    on_token = nullptr;
    on_done = nullptr;
  });
  return id;
}

void FakeEngine::Cancel(int64_t request) {
  std::lock_guard<std::mutex> lock(mutex_);
  cancelled_.insert(request);
  changed_.notify_all();
}

absl::StatusOr<Generation> FakeEngine::RunOne(const GenerateRequest& request, int64_t choice,
                                              int64_t id, const OnToken& on_token) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ++stats_.running;
  }
  absl::StatusOr<Generation> generation = Run(request, choice, id, on_token);
  std::lock_guard<std::mutex> lock(mutex_);
  --stats_.running;
  if (generation.ok() && generation->finish == FinishReason::kAborted) ++stats_.finished_aborted;
  changed_.notify_all();
  return generation;
}

absl::StatusOr<Generation> FakeEngine::Run(const GenerateRequest& request, int64_t choice,
                                           int64_t id, const OnToken& on_token) {
  const std::vector<int32_t> answer = Answer(request);
  const int64_t room = context_ - static_cast<int64_t>(request.prompt.size()) + 1;
  const int64_t most = std::min(request.max_tokens, room);
  Generation done;
  StreamDecoder decoder(&tokenizer_, /*skip_special=*/false);
  const auto shown = [&](int32_t id) {
    const auto& tokens = request.shown_tokens;
    return !tokenizer_.IsSpecial(id) || std::find(tokens.begin(), tokens.end(), id) != tokens.end();
  };
  for (int64_t i = 0; i < most; ++i) {
    if (!HoldAt(static_cast<int>(i), id)) {
      done.finish = FinishReason::kAborted;
      return done;
    }
    std::chrono::microseconds step;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (fail_after_ == i) return failure_;
      step = step_;
    }
    if (step.count() > 0) std::this_thread::sleep_for(step);
    const int32_t token = answer[static_cast<size_t>(i) % answer.size()];
    const auto& ends = request.stop_tokens;
    if ((!request.ignore_eos && i == static_cast<int64_t>(answer.size())) ||
        std::find(ends.begin(), ends.end(), token) != ends.end()) {
      done.finish = FinishReason::kStop;
      break;
    }
    TokenEvent event;
    event.choice = choice;
    event.token = token;
    if (shown(token)) event.text = decoder.Push(token);
    event.log_probability = -0.125 * (event.token % 8);
    for (int64_t k = 0; k < request.top_logprobs; ++k) {
      event.top.push_back({static_cast<int32_t>(event.token + k) % 256,
                           event.log_probability - static_cast<double>(k)});
    }
    done.tokens.push_back(event.token);
    const size_t before = done.text.size();
    done.text += event.text;
    // As an oracle it knows what a stop string will cut off; a real engine has to hold text back.
    const size_t stop =
        request.stop.empty() ? std::string::npos : FirstStop(done.text, request.stop);
    if (stop != std::string::npos) {
      done.text.resize(std::max(stop, before));
      event.text = done.text.substr(before);
    }
    if (on_token && !on_token(event)) {
      done.finish = FinishReason::kAborted;
      done.text += decoder.Flush();
      return done;
    }
    if (stop != std::string::npos) {
      done.finish = FinishReason::kStop;
      return done;
    }
  }
  const std::string rest = decoder.Flush();
  done.text += rest;
  if (!rest.empty() && on_token) on_token({-1, rest, 0, {}, choice});
  return done;
}

}  // namespace strata::inference
