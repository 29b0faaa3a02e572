// An engine on a model in a folder, for the verbs that run one.
#ifndef STRATA_CLI_OPEN_ENGINE_H_
#define STRATA_CLI_OPEN_ENGINE_H_

#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "base/status.h"
#include "inference/engine/engine.h"

namespace strata::cli {

struct EngineFlags {
  std::string path;     // folder (config.json, *.safetensors, tokenizer.json), or a .gguf file
  std::string quant;    // format that f32, f16 and bf16 weights are encoded in; empty: as they are
  int64_t context = 0;  // tokens of a sequence; 0: the model's maximum
};

absl::StatusOr<std::shared_ptr<inference::Engine>> OpenEngine(const EngineFlags& flags);

// "--quant=FORMAT" of a verb that opens an engine.
void AddQuantOption(CLI::App* verb, std::string* quant);

}  // namespace strata::cli

#endif  // STRATA_CLI_OPEN_ENGINE_H_
