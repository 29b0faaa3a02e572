#include "llm/model/pretrained.h"

#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/warning.h"
#include "framework/data/safetensors.h"
#include "inference/import/gguf.h"
#include "llm/model/gguf_config.h"
#include "llm/model/gguf_pretrained.h"
#include "llm/model/hf_config.h"
#include "llm/model/weight_source.h"
#include "llm/tokenizer/gguf_metadata.h"
#include "llm/tokenizer/gguf_tokenizer.h"
#include "llm/tokenizer/text_tokenizer.h"
#include "llm/tokenizer/tokenizer_json.h"

namespace strata::llm {
namespace {

// The last part of the path.
std::string NameOf(const std::string& path) {
  const std::filesystem::path normal = std::filesystem::path(path).lexically_normal();
  return normal.filename().empty() ? normal.parent_path().filename().string()
                                   : normal.filename().string();
}

absl::Status CheckVocabulary(const PretrainedModel& loaded) {
  if (loaded.tokenizer->vocab_size() <= loaded.config.vocab_size()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(loaded.path, ": the tokenizer has ", loaded.tokenizer->vocab_size(),
                   " tokens; the model knows ", loaded.config.vocab_size()));
}

absl::StatusOr<PretrainedModel> LoadFolder(const std::string& folder, const LoadOptions& options) {
  PretrainedModel loaded;
  loaded.path = folder;
  const std::string config_path = JoinPath(folder, "config.json");
  STRATA_ASSIGN_OR_RETURN(std::string config_json, ReadFile(config_path));
  STRATA_ASSIGN_OR_RETURN(loaded.config, ParseHfConfig(config_json, config_path));
  STRATA_ASSIGN_OR_RETURN(loaded.tokenizer, LoadTokenizer(JoinPath(folder, "tokenizer.json")));
  STRATA_ASSIGN_OR_RETURN(loaded.generation, ReadGenerationDefaults(folder));
  STRATA_ASSIGN_OR_RETURN(loaded.chat_template, ReadChatTemplate(folder));

  STRATA_ASSIGN_OR_RETURN(framework::SafetensorsFile file, framework::OpenSafetensors(folder));
  const auto source = SafetensorsSource(loaded.config, std::move(file));
  auto model = MakeDecoderModel(NameOf(folder), loaded.config, *source, options.weights);
  if (!model.ok()) return Annotate(model.status(), folder);
  loaded.model = *std::move(model);
  STRATA_RETURN_IF_ERROR(CheckVocabulary(loaded));
  return loaded;
}

using TokenizerPointer = std::shared_ptr<const inference::Tokenizer>;

// Of the tokenizer.json that a converter kept in the file.
absl::StatusOr<TokenizerPointer> KeptTokenizer(const inference::GgufFile& file,
                                               const GgufTokenizer& keys) {
  STRATA_ASSIGN_OR_RETURN(const std::string json, GetText(file.metadata(), kGgufTokenizerJsonKey));
  STRATA_ASSIGN_OR_RETURN(TokenizerSpec spec, ParseTokenizerJson(json));
  if (keys.eos.has_value()) spec.eos = keys.eos;
  return TextTokenizer::Create(std::move(spec));
}

// The kept tokenizer.json, whose words are the fullest; else the metadata's own keys; else a
// tokenizer.json beside the file.
absl::StatusOr<TokenizerPointer> LoadGgufTokenizer(const inference::GgufFile& file,
                                                   const GgufTokenizer& keys) {
  if (file.metadata().count(kGgufTokenizerJsonKey) != 0) {
    const absl::StatusOr<TokenizerPointer> kept = KeptTokenizer(file, keys);
    if (kept.ok()) return kept;
    if (!absl::IsUnimplemented(kept.status()) || keys.model.empty())
      return Annotate(kept.status(), kGgufTokenizerJsonKey);
    Warn(absl::StrCat(file.path(), ": ", kGgufTokenizerJsonKey, ": ", kept.status().message(),
                      "; the tokenizer is made from tokenizer.ggml.* instead, which may say less"));
  }
  const std::filesystem::path folder = std::filesystem::path(file.path()).parent_path();
  const std::string beside = JoinPath(folder.empty() ? "." : folder.string(), "tokenizer.json");
  if (keys.model.empty() && FileExists(beside)) return LoadTokenizer(beside);
  STRATA_ASSIGN_OR_RETURN(TokenizerSpec spec, TokenizerFromGguf(keys));
  return TextTokenizer::Create(std::move(spec));
}

absl::StatusOr<PretrainedModel> LoadGguf(const std::string& path, const LoadOptions& options) {
  PretrainedModel loaded;
  loaded.path = path;
  STRATA_ASSIGN_OR_RETURN(inference::GgufFile file, inference::OpenGguf(path));
  STRATA_ASSIGN_OR_RETURN(loaded.config, ParseGgufConfig(file));
  const absl::StatusOr<GgufTokenizer> keys = GgufTokenizerOf(file.metadata());
  if (!keys.ok()) return Annotate(keys.status(), path);
  auto tokenizer = LoadGgufTokenizer(file, *keys);
  if (!tokenizer.ok()) return Annotate(tokenizer.status(), path);
  loaded.tokenizer = *std::move(tokenizer);
  loaded.generation = ReadGgufDefaults(*keys);
  loaded.chat_template = ReadGgufChatTemplate(file.metadata());

  const auto source = GgufSource(loaded.config, std::move(file));
  auto model = MakeDecoderModel(NameOf(path), loaded.config, *source, options.weights);
  if (!model.ok()) return Annotate(model.status(), path);
  loaded.model = *std::move(model);
  STRATA_RETURN_IF_ERROR(CheckVocabulary(loaded));
  return loaded;
}

}  // namespace

absl::StatusOr<PretrainedModel> LoadPretrained(const std::string& path,
                                               const LoadOptions& options) {
  return absl::EndsWith(path, ".gguf") ? LoadGguf(path, options) : LoadFolder(path, options);
}

}  // namespace strata::llm
