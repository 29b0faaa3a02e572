// An engine on a model in a folder, for the verbs that run one.
#ifndef STRATA_CLI_OPEN_ENGINE_H_
#define STRATA_CLI_OPEN_ENGINE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "base/status.h"
#include "inference/engine/engine.h"

namespace strata::cli {

struct EngineFlags {
  std::string path;     // folder (config.json, *.safetensors, tokenizer.json), or a .gguf file
  std::string quant;    // format that f32, f16 and bf16 weights are encoded in; empty: as they are
  int64_t context = 0;  // tokens of a sequence; 0: the model's maximum
};

// The engine, and what a server must know of the model beside it.
struct OpenedModel {
  std::shared_ptr<inference::Engine> engine;
  std::string chat_template;         // Jinja; empty when the model has none
  std::vector<int32_t> end_of_turn;  // tokens that end an answer
};

absl::StatusOr<OpenedModel> OpenModel(const EngineFlags& flags);

absl::StatusOr<std::shared_ptr<inference::Engine>> OpenEngine(const EngineFlags& flags);

// "--quant=FORMAT" of a verb that opens an engine.
void AddQuantOption(CLI::App* verb, std::string* quant);

}  // namespace strata::cli

#endif  // STRATA_CLI_OPEN_ENGINE_H_
