#include "llm/model/local_model.h"

#include <utility>

#include "absl/strings/match.h"
#include "llm/model/packed_step.h"

namespace strata::llm {
namespace {

class LocalModel : public inference::DecoderModel {
 public:
  LocalModel(std::string name, DecoderConfig config, PackedWeights weights)
      : name_(std::move(name)), config_(std::move(config)), weights_(std::move(weights)) {}
  const std::string& name() const override { return name_; }
  int64_t vocab_size() const override { return config_.vocab_size(); }
  int64_t max_context() const override { return config_.context(); }
  absl::StatusOr<graph::Graph> BuildStep(const inference::StepShape& shape,
                                         inference::KvFormat kv) const override {
    return BuildPackedStep(config_, weights_.matrices, shape, kv);
  }
  const inference::WeightMap& weights() const override { return weights_.tensors; }

 private:
  std::string name_;
  DecoderConfig config_;
  PackedWeights weights_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const inference::DecoderModel>> MakeDecoderModel(
    std::string name, DecoderConfig config, const WeightSource& source,
    const PackOptions& options) {
  STRATA_ASSIGN_OR_RETURN(PackedWeights weights, PackWeights(config, source, options));
  return std::shared_ptr<const inference::DecoderModel>(
      std::make_shared<LocalModel>(std::move(name), std::move(config), std::move(weights)));
}

absl::StatusOr<std::shared_ptr<const inference::DecoderModel>> MakeDecoderModel(
    std::string name, DecoderConfig config, inference::WeightMap weights,
    const PackOptions& options) {
  const std::unique_ptr<WeightSource> source = MemorySource(config, std::move(weights));
  return MakeDecoderModel(std::move(name), config, *source, options);
}

absl::StatusOr<std::shared_ptr<const inference::DecoderModel>> MakeMadeModel(
    std::string name, DecoderConfig config, const std::string& format, uint64_t seed) {
  STRATA_ASSIGN_OR_RETURN(const chips::WeightFormat* found, chips::FindWeightFormat(format));
  config.set_input_major(false);
  return MakeDecoderModel(std::move(name), std::move(config), *MadeSource(*found, seed));
}

double BytesPerToken(const DecoderConfig& config, const inference::WeightMap& weights) {
  double bytes = 0;
  for (const auto& [name, tensor] : weights) {
    double share = 1;
    if (absl::EndsWith(name, ".rows")) share = 1 / static_cast<double>(config.vocab_size());
    if (absl::StrContains(name, ".experts.") && config.has_experts()) {
      share = static_cast<double>(config.experts().per_token()) /
              static_cast<double>(config.experts().count());
    }
    bytes += share * static_cast<double>(tensor.size_bytes());
  }
  return bytes;
}

}  // namespace strata::llm
