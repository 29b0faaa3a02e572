// RoPE and its scaling in config.json: "rope_scaling" (or "rope_parameters") and "partial_rotary_factor".
#ifndef STRATA_LLM_MODEL_HF_ROPE_H_
#define STRATA_LLM_MODEL_HF_ROPE_H_

#include "base/status.h"
#include "llm/model/decoder_config.pb.h"
#include "nlohmann/json.hpp"

namespace strata::llm {

// `config` has its heads and widths already. Errors name the key.
absl::Status ReadHfRope(const nlohmann::json& json, DecoderConfig* config);
void WriteHfRope(const DecoderConfig& config, nlohmann::json* json);

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_HF_ROPE_H_
