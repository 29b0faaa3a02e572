// An engine on a model in a folder, for the verbs that run one.
#ifndef STRATA_CLI_OPEN_ENGINE_H_
#define STRATA_CLI_OPEN_ENGINE_H_

#include <memory>
#include <string>

#include "base/status.h"
#include "inference/engine/engine.h"

namespace strata::cli {

struct EngineFlags {
  std::string path;            // folder: config.json, *.safetensors, tokenizer.json
  std::string quant = "none";  // weights: none or int8
  int64_t context = 0;         // tokens of KV cache a sequence; 0: the model's maximum
};

absl::StatusOr<std::shared_ptr<inference::Engine>> OpenEngine(const EngineFlags& flags);

}  // namespace strata::cli

#endif  // STRATA_CLI_OPEN_ENGINE_H_
