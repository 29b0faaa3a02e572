// PretrainedModel: a model's files, ready for the engine. A Hugging Face folder (config.json, *.safetensors,
// tokenizer.json), or a GGUF file, whole or split.
//
//   STRATA_ASSIGN_OR_RETURN(PretrainedModel model, LoadPretrained("models/tinyllama"));
//   STRATA_ASSIGN_OR_RETURN(PretrainedModel small, LoadPretrained("models/tinyllama", {.weights = {.format = "q4_0"}}));
#ifndef STRATA_LLM_MODEL_PRETRAINED_H_
#define STRATA_LLM_MODEL_PRETRAINED_H_

#include <memory>
#include <string>

#include "base/status.h"
#include "inference/engine/decoder_model.h"
#include "inference/engine/tokenizer.h"
#include "llm/model/decoder_config.pb.h"
#include "llm/model/generation_defaults.h"
#include "llm/model/local_model.h"

namespace strata::llm {

struct PretrainedModel {
  std::string path;
  DecoderConfig config;
  std::shared_ptr<const inference::DecoderModel> model;
  std::shared_ptr<const inference::Tokenizer> tokenizer;
  std::string chat_template;  // Jinja text; empty when the model has none
  GenerationDefaults generation;
};

struct LoadOptions {
  PackOptions
      weights;  // format: what f32, f16 and bf16 matrices are encoded in; empty: as they are
};

// Weights are packed for the engine on all cores; the rows of the token embedding stay in the mapped file. Every parameter
// must be there with its shape: the error names the file and the tensor.
absl::StatusOr<PretrainedModel> LoadPretrained(const std::string& path,
                                               const LoadOptions& options = {});

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_PRETRAINED_H_
