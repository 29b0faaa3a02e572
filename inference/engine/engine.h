// Engine: generates text with a KV cache, for one or many requests at a time.
//
//   STRATA_ASSIGN_OR_RETURN(auto engine, Engine::Create(model, tokenizer, {}));
//   GenerateRequest request{.prompt = tokenizer->Encode("Once"), .max_tokens = 32};
//   STRATA_ASSIGN_OR_RETURN(Generation done, engine->Generate(request, [](const TokenEvent& e) {
//   ...; return true; }));
//
// Generate() is thread-safe: concurrent requests take turns step by step, in arrival order. Greedy
// text does not depend on who else is served, nor on how the prompt was cut into chunks.
#ifndef STRATA_INFERENCE_ENGINE_ENGINE_H_
#define STRATA_INFERENCE_ENGINE_ENGINE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "compiler/device/device.h"
#include "inference/engine/decoder_model.h"
#include "inference/engine/sampler.h"
#include "inference/engine/tokenizer.h"

namespace strata::inference {

struct GenerateRequest {
  std::vector<int32_t> prompt;  // token ids; at least one
  int64_t max_tokens = 16;      // >= 0; bounded by the context as well
  SamplingOptions sampling;
  std::vector<std::string> stop;  // text at which generation ends; not part of the answer
  bool ignore_eos = false;
  int64_t top_logprobs = 0;  // likeliest tokens to report with each token
};

enum class FinishReason { kStop, kLength, kAborted };

struct TokenEvent {
  int32_t token = 0;
  std::string text;  // complete UTF-8 that became certain with this token; may be empty
  double log_probability = 0;
  std::vector<TokenLogProbability> top = {};  // `top_logprobs` of them, best first
};

struct Generation {
  std::vector<int32_t> tokens;
  std::string text;
  FinishReason finish = FinishReason::kLength;
  double prefill_seconds = 0;  // prompt in, first token out
  double decode_seconds = 0;   // the rest
};

// Counters since creation, for /metrics.
struct EngineStats {
  int64_t running = 0;
  int64_t waiting = 0;
  int64_t prompt_tokens = 0;
  int64_t generated_tokens = 0;
  int64_t finished_stop = 0;
  int64_t finished_length = 0;
  int64_t finished_aborted = 0;
};

struct EngineOptions {
  compiler::DeviceOptions device;
  std::string compiler = "strata";
  int64_t max_sequences = 8;  // that hold a KV cache at once; others wait
  int64_t context = 0;        // tokens of cache a sequence; 0: the model's maximum
};

class Engine {
 public:
  static absl::StatusOr<std::unique_ptr<Engine>> Create(std::shared_ptr<const DecoderModel> model,
                                                        std::shared_ptr<const Tokenizer> tokenizer,
                                                        EngineOptions options);
  virtual ~Engine() = default;

  // Runs one request to its end. `on_token` (may be empty) is called for each token and returns
  // false to abort. INVALID_ARGUMENT for an empty or too long prompt, ids outside the vocabulary,
  // or bad sampling options.
  virtual absl::StatusOr<Generation> Generate(
      const GenerateRequest& request, const std::function<bool(const TokenEvent&)>& on_token) = 0;

  virtual EngineStats stats() const = 0;
  virtual const DecoderModel& model() const = 0;
  virtual const Tokenizer& tokenizer() const = 0;
  virtual int64_t context() const = 0;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_ENGINE_H_
