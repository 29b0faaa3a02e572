// An engine on a model in a folder, for the verbs that run one, and the flags that set its options.
//
//   AddEngineFlags(verb, &flags);                      // --kv=int8 --speculation=lookup ...
//   STRATA_ASSIGN_OR_RETURN(OpenedModel opened, OpenModel(flags));
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
  std::string kv = "f16";
  int64_t max_sequences = inference::EngineOptions().max_sequences;
  int64_t page_size = inference::EngineOptions().page_size;
  int64_t step_tokens = inference::EngineOptions().step_tokens;
  bool no_prefix_cache = false;
  std::string speculation = "none";  // none, lookup, draft
  std::string draft;                 // of draft: the smaller model, as `path`
  bool prepare = false;              // EngineOptions::prepare; no flag: servers set it
};

// The flags as the engine takes them, all but the draft model. INVALID_ARGUMENT names the flag that does not fit.
absl::StatusOr<inference::EngineOptions> ParseEngineFlags(const EngineFlags& flags);

// The engine, and what a server must know of the model beside it.
struct OpenedModel {
  std::shared_ptr<inference::Engine> engine;
  std::string chat_template;         // Jinja; empty when the model has none
  std::vector<int32_t> end_of_turn;  // tokens that end an answer
};

absl::StatusOr<OpenedModel> OpenModel(const EngineFlags& flags);

// The flags of a verb that opens an engine: all but the model's path.
void AddEngineFlags(CLI::App* verb, EngineFlags* flags);

}  // namespace strata::cli

#endif  // STRATA_CLI_OPEN_ENGINE_H_
