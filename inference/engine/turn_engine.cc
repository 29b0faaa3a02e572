#include "inference/engine/turn_engine.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "inference/engine/stepper.h"
#include "inference/engine/stop_filter.h"
#include "inference/engine/turnstile.h"

namespace strata::inference {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class LocalEngine : public Engine {
 public:
  LocalEngine(std::shared_ptr<const DecoderModel> model, std::shared_ptr<const Tokenizer> tokenizer,
              std::unique_ptr<Stepper> stepper, int64_t max_sequences)
      : model_(std::move(model)),
        tokenizer_(std::move(tokenizer)),
        stepper_(std::move(stepper)),
        gate_(max_sequences) {}

  absl::StatusOr<Generation> Generate(
      const GenerateRequest& request,
      const std::function<bool(const TokenEvent&)>& on_token) override {
    STRATA_RETURN_IF_ERROR(Check(request));
    ++waiting_;
    gate_.Enter();
    --waiting_;
    ++running_;
    absl::StatusOr<Generation> generation = Run(request, on_token);
    --running_;
    gate_.Leave();
    if (generation.ok()) Count(request, *generation);
    return generation;
  }

  EngineStats stats() const override {
    EngineStats stats;
    stats.running = running_;
    stats.waiting = waiting_;
    stats.prompt_tokens = prompt_tokens_;
    stats.generated_tokens = generated_tokens_;
    stats.finished_stop = finished_[0];
    stats.finished_length = finished_[1];
    stats.finished_aborted = finished_[2];
    return stats;
  }

  const DecoderModel& model() const override { return *model_; }
  const Tokenizer& tokenizer() const override { return *tokenizer_; }
  int64_t context() const override { return stepper_->cache_length(); }

 private:
  absl::Status Check(const GenerateRequest& request) const {
    STRATA_RETURN_IF_ERROR(ValidateSampling(request.sampling));
    if (request.n != 1) return absl::UnimplementedError("n: this model's engine gives one answer");
    if (request.max_tokens < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("max_tokens: ", request.max_tokens, " is negative"));
    }
    if (request.prompt.empty())
      return absl::InvalidArgumentError("prompt: is empty; give at least one token");
    const auto length = static_cast<int64_t>(request.prompt.size());
    if (length > context()) {
      return absl::InvalidArgumentError(
          absl::StrCat("prompt: has ", length, " tokens; the context holds ", context()));
    }
    for (int32_t id : request.prompt) {
      if (id < 0 || id >= model_->vocab_size()) {
        return absl::InvalidArgumentError(
            absl::StrCat("prompt: token id ", id, " is outside [0, ", model_->vocab_size(), ")"));
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<graph::HostTensor> Step(absl::Span<const int32_t> tokens, SequenceState* state) {
    std::lock_guard<Turnstile> turn(turnstile_);
    return stepper_->Step(tokens, state);
  }

  absl::StatusOr<graph::HostTensor> Prefill(const std::vector<int32_t>& prompt,
                                            SequenceState* state) {
    graph::HostTensor logits;
    size_t done = 0;
    while (done < prompt.size()) {
      const auto chunk =
          static_cast<size_t>(Stepper::ChunkSize(static_cast<int64_t>(prompt.size() - done)));
      STRATA_ASSIGN_OR_RETURN(logits,
                              Step(absl::MakeConstSpan(prompt).subspan(done, chunk), state));
      done += chunk;
    }
    return logits;
  }

  absl::StatusOr<SequenceState> NewSequence() {
    std::lock_guard<Turnstile> turn(turnstile_);
    return stepper_->NewSequence();
  }

  absl::StatusOr<Generation> Run(const GenerateRequest& request,
                                 const std::function<bool(const TokenEvent&)>& on_token) {
    Generation done;
    if (request.max_tokens == 0) return done;
    const Clock::time_point start = Clock::now();
    STRATA_ASSIGN_OR_RETURN(SequenceState state, NewSequence());
    STRATA_ASSIGN_OR_RETURN(graph::HostTensor logits, Prefill(request.prompt, &state));
    done.prefill_seconds = SecondsSince(start);
    const Clock::time_point decode_start = Clock::now();

    StopFilter filter(*tokenizer_, request.stop);
    while (true) {
      const absl::Span<const float> scores(logits.data<float>(),
                                           static_cast<size_t>(logits.elements()));
      const int32_t token = SampleToken(scores, request.sampling, done.tokens.size());
      if (!request.ignore_eos && tokenizer_->eos() == token) {
        done.finish = FinishReason::kStop;
        break;
      }
      done.tokens.push_back(token);
      TokenEvent event{token, filter.Push(token), LogProbability(scores, token),
                       TopLogProbabilities(scores, request.top_logprobs)};
      done.text += event.text;
      if (on_token && !on_token(event)) {
        done.finish = FinishReason::kAborted;
        break;
      }
      if (filter.stopped()) {
        done.finish = FinishReason::kStop;
        break;
      }
      const bool full = state.length >= context();
      if (static_cast<int64_t>(done.tokens.size()) >= request.max_tokens || full) break;
      STRATA_ASSIGN_OR_RETURN(logits, Step({token}, &state));
    }
    const std::string rest = filter.Flush();
    done.text += rest;
    if (!rest.empty() && on_token && done.finish != FinishReason::kAborted) on_token({-1, rest, 0});
    done.decode_seconds = SecondsSince(decode_start);
    return done;
  }

  void Count(const GenerateRequest& request, const Generation& generation) {
    prompt_tokens_ += static_cast<int64_t>(request.prompt.size());
    generated_tokens_ += static_cast<int64_t>(generation.tokens.size());
    ++finished_[static_cast<int>(generation.finish)];
  }

  std::shared_ptr<const DecoderModel> model_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::unique_ptr<Stepper> stepper_;
  Turnstile turnstile_;  // guards stepper_
  Gate gate_;
  std::atomic<int64_t> running_{0}, waiting_{0}, prompt_tokens_{0}, generated_tokens_{0};
  std::atomic<int64_t> finished_[3] = {0, 0, 0};
};

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> CreateTurnEngine(std::shared_ptr<const DecoderModel> model,
                                                         std::shared_ptr<const Tokenizer> tokenizer,
                                                         const EngineOptions& options) {
  const int64_t context = options.context == 0 ? model->max_context() : options.context;
  compiler::CompiledEvaluator::Options evaluator;
  evaluator.compiler = options.compiler;
  evaluator.device_options = options.device;
  STRATA_ASSIGN_OR_RETURN(std::unique_ptr<Stepper> stepper,
                          Stepper::Create(model.get(), std::move(evaluator), context));
  return std::unique_ptr<Engine>(new LocalEngine(std::move(model), std::move(tokenizer),
                                                 std::move(stepper), options.max_sequences));
}

}  // namespace strata::inference
