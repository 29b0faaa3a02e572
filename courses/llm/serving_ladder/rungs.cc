#include "courses/llm/serving_ladder/rungs.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "llm/model/config.h"
#include "llm/model/local_model.h"

namespace strata::courses {
namespace {

using inference::EngineOptions;

constexpr int kVocabulary = 512;
constexpr int64_t kSlots = 5 * kLadderContext;  // of the KV cache: the bin and four contexts

EngineOptions OneAtATime() {
  EngineOptions options;
  options.context = kLadderContext;
  options.page_size = kLadderContext;
  options.pages = kSlots / options.page_size;
  options.max_sequences = 1;
  options.step_tokens = 512;  // until steps are cut on purpose
  options.prefix_cache = false;
  options.kv = inference::KvFormat::kF32;
  return options;
}

}  // namespace

std::string IdTokenizer::TokenBytes(int32_t id) const { return absl::StrCat(id, " "); }

std::string IdTokenizer::Decode(absl::Span<const int32_t> ids) const {
  std::string text;
  for (int32_t id : ids) text += TokenBytes(id);
  return text;
}

absl::StatusOr<std::shared_ptr<const inference::DecoderModel>> LadderModel(
    const LadderOptions& options) {
  llm::DecoderConfig config;
  config.set_architecture("llama");
  config.set_vocab_size(kVocabulary);
  config.set_context(kLadderContext);
  config.set_layers(options.layers);
  config.set_width(options.width);
  config.set_heads(4);
  config.set_kv_heads(2);
  config.set_mlp_width(2 * options.width);
  STRATA_ASSIGN_OR_RETURN(config, llm::CompleteConfig(config));
  return llm::MakeMadeModel("ladder", config, "f32", options.seed);
}

// Each plan is the one before and one thing more.
std::vector<RungPlan> RungPlans() {
  std::vector<RungPlan> plans;
  EngineOptions engine = OneAtATime();
  plans.push_back({"naive", "The whole text is computed again for each token.", engine, true});
  plans.push_back({"KV cache", "Keys and values are kept: each token is computed once.", engine});
  engine.max_sequences = 16;
  plans.push_back({"batching", "Requests share steps; each has room for a whole context.", engine});
  engine.page_size = 16;
  engine.pages = kSlots / engine.page_size;
  plans.push_back(
      {"paging", "Room is given out by pages of 16 tokens: more requests fit.", engine});
  engine.chunk_tokens = 16;
  engine.step_tokens = 32;
  plans.push_back({"chunked prefill", "No step is longer than 32 tokens.", engine});
  engine.prefix_cache = true;
  plans.push_back({"prefix cache", "What prompts have in common is computed once.", engine});
  engine.speculation.kind = inference::SpeculationOptions::Kind::kPromptLookup;
  engine.speculation.tokens = 4;
  plans.push_back(
      {"speculation", "Tokens are guessed from the text so far, verified together.", engine});
  return plans;
}

absl::StatusOr<std::vector<int32_t>> LadderTarget::Generate(const inference::LoadRequest& request,
                                                            const inference::LoadClock& clock,
                                                            inference::StreamTimer* timer) {
  inference::GenerateRequest generate;
  generate.prompt = request.ids;
  generate.max_tokens = recompute_ ? 1 : request.output_tokens;
  generate.sampling.temperature = 0;
  generate.log_probabilities = false;
  std::vector<int32_t> answer;
  while (static_cast<int64_t>(answer.size()) < request.output_tokens) {
    STRATA_ASSIGN_OR_RETURN(const inference::Generation done,
                            engine_->Generate(generate, [&](const inference::TokenEvent& event) {
                              if (event.token >= 0) timer->OnChunk(clock.Now());
                              return true;
                            }));
    if (done.tokens.empty()) return absl::InternalError("the engine gave no token");
    answer.insert(answer.end(), done.tokens.begin(), done.tokens.end());
    generate.prompt.insert(generate.prompt.end(), done.tokens.begin(), done.tokens.end());
  }
  return answer;
}

inference::RequestTiming LadderTarget::Send(const inference::LoadRequest& request,
                                            const inference::LoadClock& clock) {
  inference::StreamTimer timer(clock.Now());
  absl::StatusOr<std::vector<int32_t>> answer;
  if (recompute_) {
    const std::lock_guard<std::mutex> turn(turn_);
    answer = Generate(request, clock, &timer);
  } else {
    answer = Generate(request, clock, &timer);
  }
  if (!answer.ok()) return timer.Fail(std::string(answer.status().message()), clock.Now());
  const auto tokens = static_cast<int64_t>(answer->size());
  const std::lock_guard<std::mutex> lock(mutex_);
  answers_[request.ids] = *std::move(answer);
  return timer.Finish(static_cast<int64_t>(request.ids.size()), tokens);
}

absl::StatusOr<std::unique_ptr<EngineHold>> EngineHold::Begin(inference::Engine* engine,
                                                              int64_t requests) {
  std::unique_ptr<EngineHold> hold(new EngineHold(engine, requests));
  inference::GenerateRequest request;
  request.prompt = {0};
  request.max_tokens = 1;
  request.sampling.temperature = 0;
  const auto held = std::make_shared<std::promise<void>>();
  const std::shared_future<void> released = hold->release_.get_future().share();
  STRATA_RETURN_IF_ERROR(
      engine
          ->Submit(request, {},
                   [held, released](int64_t, const absl::StatusOr<inference::Generation>&) {
                     held->set_value();
                     released.wait();
                   })
          .status());
  held->get_future().wait();
  return hold;
}

EngineHold::~EngineHold() {
  if (watcher_.joinable()) {
    watcher_.join();
  } else {
    release_.set_value();
  }
}

void EngineHold::ReleaseWhenAllWait() {
  watcher_ = std::thread([this] {
    for (int i = 0; i < 10000 && engine_->stats().waiting < requests_; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    release_.set_value();
  });
}

}  // namespace strata::courses
