// Engine: generates text for many requests at once: a paged KV cache, a prefix cache, continuous batching, speculation.
//
//   STRATA_ASSIGN_OR_RETURN(auto engine, Engine::Create(model, tokenizer, {}));
//   GenerateRequest request{.prompt = tokenizer->Encode("Once"), .max_tokens = 32};
//   STRATA_ASSIGN_OR_RETURN(Generation done, engine->Generate(request, [](const TokenEvent& e) {
//   ...; return true; }));
//
// One thread steps; all methods may be called from any thread. The promise: what a request is answered depends on the
// model, the prompt and its own options, and on nothing else: not on who else is served, page size, chunking, prefix
// hits, preemption, threads, or speculation (README.md has the matrix that promise_test checks).
#ifndef STRATA_INFERENCE_ENGINE_ENGINE_H_
#define STRATA_INFERENCE_ENGINE_ENGINE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "compiler/device/device.h"
#include "inference/engine/decoder_model.h"
#include "inference/engine/engine_stats.h"
#include "inference/engine/request.h"
#include "inference/engine/sampler.h"
#include "inference/engine/tokenizer.h"

namespace strata::inference {

struct SpeculationOptions {
  enum class Kind { kNone, kPromptLookup, kDraftModel };
  // How a candidate of a draft model is checked where temperature > 0. kSameDraw: the token is drawn as without
  // speculation, and a candidate is right when it is that token: texts stay the same token for token. kRejection: the
  // rule of Leviathan et al. 2023, which keeps candidates more often; texts differ, their distribution does not.
  enum class Rule { kSameDraw, kRejection };

  Kind kind = Kind::kNone;
  int64_t tokens = 4;  // of a path, >= 1
  int64_t width = 1;   // paths of the tree, >= 1; 1 with kRejection
  int64_t ngram = 3;   // of kPromptLookup: tokens that must be found, at most; >= 1
  std::shared_ptr<const DecoderModel> draft = nullptr;  // of kDraftModel: the same vocabulary
  Rule rule = Rule::kSameDraw;
};

struct EngineOptions {
  compiler::DeviceOptions device;
  std::string compiler = "strata";
  int64_t max_sequences = 8;  // that run at once, [1, step_tokens]; others wait
  int64_t context = 0;        // tokens of a sequence; 0: the model's maximum
  int64_t page_size = 16;     // slots of the KV cache that are given out together, [1, 256]
  // Pages of the KV cache, at least those of one context and one more. 0: as many as kv_bytes hold, and no more than
  // max_sequences contexts need.
  int64_t pages = 0;
  int64_t kv_bytes = int64_t{4} << 30;
  int64_t step_tokens = 0;     // rows of a step, [1, 512]; 0: DefaultStepTokens()
  int64_t chunk_tokens = 512;  // rows of one prompt in a step, >= 1
  bool prefix_cache = true;
  KvFormat kv = KvFormat::kF16;
  SpeculationOptions speculation = {};
  // Compiles the plans of larger steps while nothing is to be done, before the first step that needs each. For servers.
  bool prepare = false;
};

// Rows of a step where the options leave it open: as few as compute fast. A prompt waits for the steps of those before
// it, and texts that generate wait for each step, so shorter steps bring first tokens sooner and make smaller gaps. They
// cost nothing while a step's time is arithmetic and not the reading of weights: from 16 rows on for 8-bit weights and 2
// cores, later with more cores (README.md has the measured table). 64 leaves room; more when that many sequences generate
// that less than half would be left for prompts.
int64_t DefaultStepTokens(int64_t max_sequences);

class Engine {
 public:
  // INVALID_ARGUMENT names the option that is out of its domain.
  static absl::StatusOr<std::unique_ptr<Engine>> Create(std::shared_ptr<const DecoderModel> model,
                                                        std::shared_ptr<const Tokenizer> tokenizer,
                                                        EngineOptions options);
  // What still runs ends as kAborted.
  virtual ~Engine() = default;

  // Runs one request (n = 1) to its end. `on_token` (may be empty) is called for each token, in the caller's thread, and
  // returns false to abort. INVALID_ARGUMENT for an empty or too long prompt, ids outside the vocabulary, or bad options.
  virtual absl::StatusOr<Generation> Generate(const GenerateRequest& request,
                                              const OnToken& on_token) = 0;

  // The same for any n: the answers in their order, or the first error.
  virtual absl::StatusOr<std::vector<Generation>> GenerateAll(const GenerateRequest& request,
                                                              const OnToken& on_token);

  // Begins a request and returns at once. The callbacks are called in the engine's thread, must be quick, and must not
  // call the engine; `on_done` comes n times. The id is for Cancel().
  virtual absl::StatusOr<int64_t> Submit(const GenerateRequest& request, OnToken on_token,
                                         OnDone on_done);

  // Ends a request soon: its answers come as kAborted. Nothing happens when it has ended.
  virtual void Cancel(int64_t request) { (void)request; }

  virtual EngineStats stats() const = 0;
  virtual const DecoderModel& model() const = 0;
  virtual const Tokenizer& tokenizer() const = 0;
  virtual int64_t context() const = 0;

  // OK when no page of the KV cache is in use; with no request under way anything else is a leak.
  virtual absl::Status CheckEmpty() const { return absl::OkStatus(); }
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_ENGINE_H_
