#include "cli/open_engine.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "chips/numerics/weight_format.h"
#include "llm/model/pretrained.h"

namespace strata::cli {
namespace {

constexpr std::pair<const char*, inference::KvFormat> kKvFormats[] = {
    {"f32", inference::KvFormat::kF32},
    {"f16", inference::KvFormat::kF16},
    {"bf16", inference::KvFormat::kBf16},
    {"int8", inference::KvFormat::kInt8},
};

}  // namespace

absl::StatusOr<inference::EngineOptions> ParseEngineFlags(const EngineFlags& flags) {
  using Kind = inference::SpeculationOptions::Kind;
  inference::EngineOptions options;
  options.context = flags.context;
  options.max_sequences = flags.max_sequences;
  options.page_size = flags.page_size;
  options.step_tokens = flags.step_tokens;
  options.prefix_cache = !flags.no_prefix_cache;
  options.prepare = flags.prepare;
  for (const auto& [name, format] : kKvFormats) {
    if (flags.kv == name) options.kv = format;
  }
  if (flags.speculation == "lookup") options.speculation.kind = Kind::kPromptLookup;
  if (flags.speculation == "draft") options.speculation.kind = Kind::kDraftModel;
  const bool wants_draft = options.speculation.kind == Kind::kDraftModel;
  if (wants_draft && flags.draft.empty()) {
    return absl::InvalidArgumentError(
        "--speculation=draft needs --draft=PATH, a smaller model of the same vocabulary");
  }
  if (!wants_draft && !flags.draft.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--draft goes with --speculation=draft, not ", flags.speculation));
  }
  return options;
}

absl::StatusOr<OpenedModel> OpenModel(const EngineFlags& flags) {
  // Before the model: a flag that does not fit is said at once.
  STRATA_ASSIGN_OR_RETURN(inference::EngineOptions options, ParseEngineFlags(flags));
  const llm::LoadOptions load = {.weights = {.format = flags.quant}};
  STRATA_ASSIGN_OR_RETURN(llm::PretrainedModel loaded, llm::LoadPretrained(flags.path, load));
  if (!flags.draft.empty()) {
    STRATA_ASSIGN_OR_RETURN(llm::PretrainedModel draft, llm::LoadPretrained(flags.draft, load));
    options.speculation.draft = std::move(draft.model);
  }
  STRATA_ASSIGN_OR_RETURN(std::unique_ptr<inference::Engine> engine,
                          inference::Engine::Create(loaded.model, loaded.tokenizer, options));
  return OpenedModel{std::move(engine), std::move(loaded.chat_template),
                     std::move(loaded.generation.eos)};
}

void AddEngineFlags(CLI::App* verb, EngineFlags* flags) {
  std::vector<std::string> weights, kv;
  for (const chips::WeightFormat& format : chips::AllWeightFormats())
    weights.push_back(format.name);
  for (const auto& [name, format] : kKvFormats) kv.push_back(name);
  verb->add_option("--quant", flags->quant,
                   "encode f32, f16 and bf16 weights in this format; default: as the file has them")
      ->check(CLI::IsMember(weights));
  verb->add_option("--context", flags->context,
                   "tokens of a sequence, prompt and answer; 0 is the model's maximum")
      ->capture_default_str();
  verb->add_option("--kv", flags->kv, "format of the KV cache")
      ->check(CLI::IsMember(kv))
      ->capture_default_str();
  verb->add_option("--max-sequences", flags->max_sequences, "answers at once; others wait")
      ->capture_default_str();
  verb->add_option("--page-size", flags->page_size, "tokens of a page of the KV cache")
      ->capture_default_str();
  verb->add_option("--step-tokens,--max-step-tokens", flags->step_tokens,
                   "tokens of a step at most, of prompts and answers together: fewer bring first "
                   "tokens sooner and smaller gaps, more help where a step is bound by memory; 0: "
                   "64, or twice --max-sequences")
      ->capture_default_str();
  verb->add_flag("--no-prefix-cache", flags->no_prefix_cache,
                 "compute each prompt anew, also where it begins as an earlier one did");
  verb->add_option("--speculation", flags->speculation,
                   "guess tokens ahead and check them together: lookup (from the text so far) or "
                   "draft (by the model of --draft); texts stay the same")
      ->check(CLI::IsMember({"none", "lookup", "draft"}))
      ->capture_default_str();
  verb->add_option("--draft", flags->draft, "smaller model of the same vocabulary, to guess with");
}

}  // namespace strata::cli
