#include "llm/tokenizer/gguf_pre_types.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"

namespace strata::llm {
namespace {

constexpr char kDigit[] = R"(\p{N})";
constexpr char kThreeDigits[] = "[0-9][0-9][0-9]";
constexpr char kWordsOfBloom[] = R"( ?[^(\s|.,!?…。，、।۔،)]+)";
constexpr char kDeepseekCjk[] = "[\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF]+";
// Cased letters, but for Georgian's and mathematicians'; tokenizer.json lists their ranges (as they were, fewer, in its
// time), and is known by the first of them.
constexpr char kDeepseekLetters[] =
    "\\s?(?:(?![\u10D0-\u10FF\U0001D400-\U0001D7FF])[\\p{Lu}\\p{Ll}\\p{Lt}])+";
constexpr absl::string_view kDeepseekLettersListed =
    "\\s?[A-Za-z\u00B5\u00C0-\u00D6\u00D8-\u00F6\u00F8-";
constexpr char kDeepseek3Words[] =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr char kTekken[] =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr char kGpt4o[] =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr char kSeedCoder[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr char kBailing[] =
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)";

const std::vector<GgufPreType>& Types() {
  static const auto* const types = new std::vector<GgufPreType>{
      {"gpt-2",
       {"phi-2", "mpt", "olmo", "jais", "exaone4", "trillion", "granite-docling", "gigachat",
        "mellum", "a.x-4.0", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "jina-v1-en",
        "jina-v2-code", "roberta-bpe"},
       {kGpt2Pattern}},
      {"llama-bpe",
       {"llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"},
       {kLlama3Pattern},
       true,
       true},
      {"dbrx", {"smaug-bpe", "chatglm-bpe", "glm4"}, {kLlama3Pattern}},
      {"qwen2",
       {"stablelm2", "deepseek-r1-qwen", "kormo", "megrez", "hunyuan", "grok-2"},
       {kQwen2Pattern}},
      {"default", {}, {R"([\p{P}\$\+<=>\^~\|]+)", kGpt2Pattern, R"(\p{N}+)", kThreeDigits}},
      {"starcoder",
       {"refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b"},
       {kDigit, kGpt2Pattern}},
      {"falcon", {}, {R"([\p{P}\$\+<=>\^~\|`]+)", kGpt2Pattern, kThreeDigits}},
      {"deepseek-llm",
       {},
       {"[\r\n]", kDeepseekLetters,
        "\\s?[!-/:-~\uFF01-\uFF0F\uFF1A-\uFF5E\u2018-\u201F\u3000-\u3002]+", R"(\s+$)",
        kDeepseekCjk, kDigit}},
      {"deepseek-coder", {}, {"[\r\n]", R"(\s?\p{L}+)", R"(\s?\p{P}+)", kDeepseekCjk, kDigit}},
      {"deepseek-v3",
       {"hunyuan-dense", "joyai-llm"},
       {R"(\p{N}{1,3})", "[\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+", kDeepseek3Words}},
      {"tekken", {}, {kTekken}, true, true},
      {"gpt-4o", {"llama4", "minimax-m2"}, {kGpt4o}},
      {"bloom", {"poro-chat", "gpt3-finnish"}, {kWordsOfBloom}},
      {"viking", {}, {kWordsOfBloom, kDigit}},
      {"superbpe", {}, {R"(\p{N}+)", R"((?=(\d{3})+(?!\d)))"}},
      {"bailingmoe", {"bailingmoe2", "llada-moe"}, {kBailing}},
      {"seed-coder", {}, {kSeedCoder}},
  };
  return *types;
}

// The pattern by which a step isolates; none for other steps.
std::optional<std::string> IsolatedPattern(const PreTokenizerStep& step) {
  using Kind = PreTokenizerStep::Kind;
  const bool isolated = step.invert ? step.behavior == SplitBehavior::kRemoved
                                    : step.behavior == SplitBehavior::kIsolated;
  if (step.kind == Kind::kSplit && !step.literal && isolated) {
    const bool listed = absl::StartsWith(step.pattern, kDeepseekLettersListed) &&
                        absl::EndsWith(step.pattern, "]+");
    return listed ? kDeepseekLetters : step.pattern;
  }
  if (step.kind == Kind::kDigits) return step.individual_digits ? kDigit : R"(\p{N}+)";
  if (step.kind == Kind::kByteLevel && !step.add_prefix_space)
    return step.use_regex ? kGpt2Pattern : "";
  return std::nullopt;
}

}  // namespace

const GgufPreType* FindGgufPreType(absl::string_view name) {
  if (name.empty()) name = "default";
  for (const GgufPreType& type : Types()) {
    const auto is = [&](const char* other) { return name == other; };
    if (is(type.name) || std::any_of(type.aliases.begin(), type.aliases.end(), is)) return &type;
  }
  return nullptr;
}

std::string GgufPreTypeNames() {
  std::vector<std::string> names;
  for (const GgufPreType& type : Types()) {
    names.push_back(type.name);
    names.insert(names.end(), type.aliases.begin(), type.aliases.end());
  }
  std::sort(names.begin(), names.end());
  return absl::StrJoin(names, ", ");
}

std::vector<PreTokenizerStep> StepsOf(const GgufPreType& type) {
  std::vector<PreTokenizerStep> steps;
  for (const char* pattern : type.patterns) {
    PreTokenizerStep step;
    step.kind = PreTokenizerStep::Kind::kSplit;
    step.pattern = pattern;
    steps.push_back(std::move(step));
  }
  PreTokenizerStep bytes;
  bytes.use_regex = false;
  steps.push_back(std::move(bytes));
  return steps;
}

const GgufPreType* FindGgufPreType(const std::vector<PreTokenizerStep>& steps, bool ignore_merges) {
  std::vector<std::string> patterns;
  for (const PreTokenizerStep& step : steps) {
    const std::optional<std::string> pattern = IsolatedPattern(step);
    if (!pattern.has_value()) return nullptr;
    if (!pattern->empty()) patterns.push_back(*pattern);
  }
  for (const GgufPreType& type : Types()) {
    if (type.ignore_merges == ignore_merges &&
        std::equal(patterns.begin(), patterns.end(), type.patterns.begin(), type.patterns.end()))
      return &type;
  }
  return nullptr;
}

}  // namespace strata::llm
