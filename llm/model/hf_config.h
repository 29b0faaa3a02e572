// Hugging Face's config.json as DecoderConfig, and back.
#ifndef STRATA_LLM_MODEL_HF_CONFIG_H_
#define STRATA_LLM_MODEL_HF_CONFIG_H_

#include <string>

#include "base/status.h"
#include "llm/model/decoder_config.pb.h"

namespace strata::llm {

// Reads config.json of an architecture of the table; others, and settings that are not supported, are UNIMPLEMENTED with
// the key; what is wrong is INVALID_ARGUMENT with the key. `where` names the file in errors.
absl::StatusOr<DecoderConfig> ParseHfConfig(const std::string& json, const std::string& where);

// The same, back: what Transformers reads. `config` is complete.
std::string WriteHfConfig(const DecoderConfig& config);

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_HF_CONFIG_H_
