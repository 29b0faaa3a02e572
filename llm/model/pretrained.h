// PretrainedModel: a model folder (config.json, *.safetensors, tokenizer.json), ready for the engine.
#ifndef STRATA_LLM_MODEL_PRETRAINED_H_
#define STRATA_LLM_MODEL_PRETRAINED_H_

#include <memory>
#include <string>

#include "base/status.h"
#include "inference/engine/decoder_model.h"
#include "inference/engine/tokenizer.h"
#include "llm/model/decoder_config.pb.h"

namespace strata::llm {

struct PretrainedModel {
  std::string path;
  DecoderConfig config;
  std::shared_ptr<const inference::DecoderModel> model;
  std::shared_ptr<const inference::Tokenizer> tokenizer;
};

// Reads a folder. Weights are mapped, not copied, when they are f32; bf16 and f16 are widened. Every parameter must be
// there with its shape: the error names the file and the tensor.
absl::StatusOr<PretrainedModel> LoadPretrained(const std::string& folder);

// A model on weights that are already in memory (just trained, or random).
absl::StatusOr<std::shared_ptr<const inference::DecoderModel>> MakeDecoderModel(
    std::string name, DecoderConfig config, inference::WeightMap weights);

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_PRETRAINED_H_
