// How a model's makers want it sampled: generation_config.json, with what config.json says where that is silent.
#ifndef STRATA_LLM_MODEL_GENERATION_DEFAULTS_H_
#define STRATA_LLM_MODEL_GENERATION_DEFAULTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"

namespace strata::llm {

// Unset: not said.
struct GenerationDefaults {
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::optional<int64_t> top_k;
  std::optional<double> repetition_penalty;
  std::vector<int32_t> eos;  // every one ends an answer
};

// INVALID_ARGUMENT with the key. "do_sample": false means temperature 0.
absl::StatusOr<GenerationDefaults> ParseGenerationConfig(const std::string& json,
                                                         const std::string& where);

// Of a folder: both files; those that are missing are left out.
absl::StatusOr<GenerationDefaults> ReadGenerationDefaults(const std::string& folder);

// The chat template of a folder: chat_template.jinja, or "chat_template" of tokenizer_config.json (a text, or a list of
// {name, template}, of which "default" is taken). Empty when there is none.
absl::StatusOr<std::string> ReadChatTemplate(const std::string& folder);

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_GENERATION_DEFAULTS_H_
