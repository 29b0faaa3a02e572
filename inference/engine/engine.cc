#include "inference/engine/engine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compiler/device/idle_threads.h"
#include "inference/engine/block_allocator.h"
#include "inference/engine/compiled_step_runner.h"
#include "inference/engine/draft_model.h"
#include "inference/engine/engine_core.h"
#include "inference/engine/engine_thread.h"
#include "inference/engine/prompt_lookup.h"

namespace strata::inference {
namespace {

absl::Status Outside(const char* option, int64_t value, int64_t least, int64_t most) {
  return absl::InvalidArgumentError(
      absl::StrCat(option, ": ", value, " is outside [", least, ", ", most, "]"));
}

absl::Status CheckRange(const char* option, int64_t value, int64_t least, int64_t most) {
  return value < least || value > most ? Outside(option, value, least, most) : absl::OkStatus();
}

absl::Status CheckSpeculation(const SpeculationOptions& options, const DecoderModel& model) {
  using Kind = SpeculationOptions::Kind;
  if (options.kind == Kind::kNone) return absl::OkStatus();
  STRATA_RETURN_IF_ERROR(CheckRange("speculation.tokens", options.tokens, 1, 64));
  STRATA_RETURN_IF_ERROR(CheckRange("speculation.width", options.width, 1, 16));
  if (options.kind == Kind::kPromptLookup)
    return CheckRange("speculation.ngram", options.ngram, 1, 64);
  if (options.draft == nullptr)
    return absl::InvalidArgumentError("speculation.draft: is missing; give a smaller model");
  if (options.draft->vocab_size() != model.vocab_size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("speculation.draft: has ", options.draft->vocab_size(), " tokens, the model ",
                     model.vocab_size(), "; both need the same vocabulary"));
  }
  if (options.rule == SpeculationOptions::Rule::kRejection && options.width != 1)
    return absl::InvalidArgumentError("speculation.width: must be 1 with the rejection rule");
  return absl::OkStatus();
}

absl::StatusOr<CoreOptions> ResolveOptions(const EngineOptions& options,
                                           const DecoderModel& model) {
  CoreOptions core;
  const int64_t step_tokens =
      options.step_tokens == 0 ? DefaultStepTokens(options.max_sequences) : options.step_tokens;
  core.context = options.context == 0 ? model.max_context() : options.context;
  STRATA_RETURN_IF_ERROR(CheckRange("context", core.context, 1, model.max_context()));
  STRATA_RETURN_IF_ERROR(CheckRange("step_tokens", step_tokens, 1, CompiledStepRunner::kMostRows));
  STRATA_RETURN_IF_ERROR(CheckRange("max_sequences", options.max_sequences, 1, step_tokens));
  if (options.chunk_tokens < 1)
    return absl::InvalidArgumentError(
        absl::StrCat("chunk_tokens: ", options.chunk_tokens, " is below 1"));
  STRATA_RETURN_IF_ERROR(BlockAllocator::Validate(2, options.page_size));
  STRATA_RETURN_IF_ERROR(CheckSpeculation(options.speculation, model));
  core.scheduler = {.page_size = options.page_size,
                    .max_sequences = options.max_sequences,
                    .step_tokens = step_tokens,
                    .chunk_tokens = options.chunk_tokens};
  core.prefix_cache = options.prefix_cache;
  core.vocabulary = model.vocab_size();
  if (options.speculation.kind != SpeculationOptions::Kind::kNone) {
    core.draft_depth = options.speculation.tokens;
    core.draft_nodes = options.speculation.tokens * options.speculation.width;
  }
  return core;
}

// Bin, one context, and the copy of a page that is shared.
int64_t LeastPages(const CoreOptions& core) {
  return PagesFor(core.context, core.scheduler.page_size) + 2;
}

absl::StatusOr<int64_t> CountPages(const EngineOptions& options, const CoreOptions& core,
                                   const DecoderModel& model) {
  const int64_t least = LeastPages(core);
  int64_t pages = options.pages;
  if (pages == 0) {
    STRATA_ASSIGN_OR_RETURN(const int64_t slot_bytes,
                            CompiledStepRunner::SlotBytes(model, options.kv));
    const int64_t fit = options.kv_bytes / std::max<int64_t>(1, slot_bytes * options.page_size);
    pages = std::max(least, std::min(fit, least * options.max_sequences));
  }
  if (pages < least) {
    return absl::InvalidArgumentError(absl::StrCat("pages: ", pages, " of ", options.page_size,
                                                   " slots cannot hold a context of ", core.context,
                                                   " tokens; give at least ", least));
  }
  STRATA_RETURN_IF_ERROR(BlockAllocator::Validate(pages, options.page_size));
  return pages;
}

absl::StatusOr<std::unique_ptr<StepRunner>> MakeRunner(const DecoderModel& model,
                                                       const CoreOptions& core,
                                                       const EngineOptions& options,
                                                       int64_t views) {
  compiler::CompiledEvaluator::Options evaluator;
  evaluator.compiler = options.compiler;
  evaluator.device_options = options.device;
  const RunnerSizes sizes = {.slots = core.pages * core.scheduler.page_size,
                             .views = views,
                             .view_length = core.context,
                             .max_rows = core.scheduler.step_tokens,
                             .kv = options.kv};
  return CompiledStepRunner::Create(&model, sizes, std::move(evaluator));
}

absl::StatusOr<std::unique_ptr<Speculator>> MakeSpeculator(const EngineOptions& options,
                                                           const CoreOptions& core) {
  const SpeculationOptions& speculation = options.speculation;
  switch (speculation.kind) {
    case SpeculationOptions::Kind::kNone:
      return nullptr;
    case SpeculationOptions::Kind::kPromptLookup:
      return std::make_unique<PromptLookup>(speculation.ngram, speculation.width);
    case SpeculationOptions::Kind::kDraftModel:
      break;
  }
  CoreOptions draft = core;
  draft.context = std::min(core.context, speculation.draft->max_context());
  draft.pages = LeastPages(draft) * options.max_sequences;
  STRATA_ASSIGN_OR_RETURN(std::unique_ptr<StepRunner> runner,
                          MakeRunner(*speculation.draft, draft, options, options.max_sequences));
  const DraftModelOptions draft_options = {
      .pages = draft.pages,
      .page_size = options.page_size,
      .vocabulary = core.vocabulary,
      .width = speculation.width,
      .draws = speculation.rule == SpeculationOptions::Rule::kRejection};
  return std::make_unique<DraftModel>(speculation.draft, std::move(runner), draft_options);
}

}  // namespace

int64_t DefaultStepTokens(int64_t max_sequences) {
  constexpr int64_t kFastRows = 64;
  const int64_t wanted = 2 * std::min(max_sequences, CompiledStepRunner::kMostRows);
  return CompiledStepRunner::RowBucket(std::max(kFastRows, wanted));
}

absl::StatusOr<std::unique_ptr<Engine>> Engine::Create(std::shared_ptr<const DecoderModel> model,
                                                       std::shared_ptr<const Tokenizer> tokenizer,
                                                       EngineOptions options) {
  STRATA_ASSIGN_OR_RETURN(CoreOptions core, ResolveOptions(options, *model));
  STRATA_ASSIGN_OR_RETURN(core.pages, CountPages(options, core, *model));
  STRATA_ASSIGN_OR_RETURN(std::unique_ptr<StepRunner> runner,
                          MakeRunner(*model, core, options, EngineCore::ViewsFor(core)));
  STRATA_ASSIGN_OR_RETURN(std::unique_ptr<Speculator> speculator, MakeSpeculator(options, core));
  auto engine_core =
      std::make_unique<EngineCore>(core, tokenizer.get(), std::move(runner), std::move(speculator));
  compiler::ReleaseIdleThreads();  // from here on the engine's thread computes
  return std::unique_ptr<Engine>(new EngineThread(std::move(model), std::move(tokenizer),
                                                  std::move(engine_core), core.context,
                                                  options.prepare));
}

absl::StatusOr<std::vector<Generation>> Engine::GenerateAll(const GenerateRequest& request,
                                                            const OnToken& on_token) {
  std::vector<Generation> all;
  GenerateRequest one = request;
  one.n = 1;
  for (int64_t choice = 0; choice < request.n; ++choice, ++one.sampling.seed) {
    const auto forward = [&](const TokenEvent& event) {
      TokenEvent of_choice = event;
      of_choice.choice = choice;
      return !on_token || on_token(of_choice);
    };
    STRATA_ASSIGN_OR_RETURN(Generation generation, Generate(one, forward));
    all.push_back(std::move(generation));
  }
  return all;
}

absl::StatusOr<int64_t> Engine::Submit(const GenerateRequest&, OnToken, OnDone) {
  return absl::UnimplementedError("this engine has only the blocking form; use Generate()");
}

}  // namespace strata::inference
