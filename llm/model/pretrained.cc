#include "llm/model/pretrained.h"

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "framework/data/safetensors.h"
#include "llm/model/decoder.h"
#include "llm/model/hf_config.h"
#include "llm/tokenizer/tokenizer_json.h"

namespace strata::llm {
namespace {

class LocalModel : public inference::DecoderModel {
 public:
  LocalModel(std::string name, DecoderConfig config, inference::WeightMap weights)
      : name_(std::move(name)), config_(std::move(config)), weights_(std::move(weights)) {}
  const std::string& name() const override { return name_; }
  int64_t vocab_size() const override { return config_.vocab_size(); }
  int64_t max_context() const override { return config_.context(); }
  absl::StatusOr<graph::Graph> BuildStep(int64_t batch, int64_t tokens,
                                         int64_t cache_length) const override {
    return BuildDecoderStep(config_, batch, tokens, cache_length);
  }
  const inference::WeightMap& weights() const override { return weights_; }

 private:
  std::string name_;
  DecoderConfig config_;
  inference::WeightMap weights_;
};

// The model's parameters from its files. Hugging Face's GPT-2 files name tensors with and without a prefix.
absl::StatusOr<inference::WeightMap> ReadWeights(const std::string& folder,
                                                 const DecoderConfig& config) {
  STRATA_ASSIGN_OR_RETURN(framework::SafetensorsFile file, framework::OpenSafetensors(folder));
  inference::WeightMap weights;
  for (const framework::ParameterSpec& spec : DecoderParameters(config)) {
    const std::string prefixed = absl::StrCat("transformer.", spec.name);
    STRATA_ASSIGN_OR_RETURN(weights[spec.name],
                            file.Get(file.Has(prefixed) ? prefixed : spec.name));
  }
  return weights;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const inference::DecoderModel>> MakeDecoderModel(
    std::string name, DecoderConfig config, inference::WeightMap weights) {
  inference::WeightMap kept;
  for (const framework::ParameterSpec& spec : DecoderParameters(config)) {
    auto it = weights.find(spec.name);
    if (it == weights.end())
      return absl::NotFoundError(absl::StrCat("tensor '", spec.name, "' is missing"));
    if (it->second.dims() != spec.dims) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor '", spec.name, "': is ", it->second.TypeString(),
                       "; config.json asks for [", absl::StrJoin(spec.dims, ", "), "]"));
    }
    kept[spec.name] = it->second.Cast(chips::F32);
  }
  return std::shared_ptr<const inference::DecoderModel>(
      std::make_shared<LocalModel>(std::move(name), std::move(config), std::move(kept)));
}

absl::StatusOr<PretrainedModel> LoadPretrained(const std::string& folder) {
  PretrainedModel loaded;
  loaded.path = folder;
  const std::string config_path = JoinPath(folder, "config.json");
  STRATA_ASSIGN_OR_RETURN(std::string config_json, ReadFile(config_path));
  STRATA_ASSIGN_OR_RETURN(loaded.config, ParseHfConfig(config_json, config_path));
  STRATA_ASSIGN_OR_RETURN(loaded.tokenizer, LoadTokenizer(JoinPath(folder, "tokenizer.json")));

  STRATA_ASSIGN_OR_RETURN(inference::WeightMap weights, ReadWeights(folder, loaded.config));
  std::string name = std::filesystem::path(folder).lexically_normal().filename().string();
  if (name.empty())
    name = std::filesystem::path(folder).lexically_normal().parent_path().filename().string();
  absl::StatusOr<std::shared_ptr<const inference::DecoderModel>> model =
      MakeDecoderModel(name, loaded.config, std::move(weights));
  if (!model.ok()) return Annotate(model.status(), folder);
  loaded.model = *std::move(model);
  if (loaded.tokenizer->vocab_size() > loaded.config.vocab_size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(folder, ": the tokenizer has ", loaded.tokenizer->vocab_size(),
                     " tokens; the model knows ", loaded.config.vocab_size()));
  }
  return loaded;
}

}  // namespace strata::llm
