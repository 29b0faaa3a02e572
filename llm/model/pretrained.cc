#include "llm/model/pretrained.h"

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "framework/data/safetensors.h"
#include "llm/model/hf_config.h"
#include "llm/model/weight_source.h"
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

}  // namespace

absl::StatusOr<PretrainedModel> LoadPretrained(const std::string& path,
                                               const LoadOptions& options) {
  return LoadFolder(path, options);
}

}  // namespace strata::llm
