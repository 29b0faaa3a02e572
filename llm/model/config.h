// DecoderConfig: defaults, checks, named shapes, and Hugging Face's config.json.
#ifndef STRATA_LLM_MODEL_CONFIG_H_
#define STRATA_LLM_MODEL_CONFIG_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "llm/model/decoder_config.pb.h"

namespace strata::llm {

// Fills what is unset with the defaults that the proto names, and checks the rest. INVALID_ARGUMENT with the field.
absl::StatusOr<DecoderConfig> CompleteConfig(DecoderConfig config);

// "gpt2-124m", "tinyllama-1.1b", ...; NOT_FOUND lists the names.
absl::StatusOr<DecoderConfig> NamedConfig(const std::string& name);
std::vector<std::string> ConfigNames();

// Reads config.json of a `GPT2LMHeadModel` or `LlamaForCausalLM`; other architectures and unsupported settings (RoPE
// scaling, another activation) are UNIMPLEMENTED with the key.
absl::StatusOr<DecoderConfig> ParseHfConfig(const std::string& json, const std::string& where);
// The same, back: what Transformers reads.
std::string WriteHfConfig(const DecoderConfig& config);

int64_t ParameterCount(const DecoderConfig& config);

// Flops of one training step on `tokens` tokens in sequences of `length`: forward and backward of all matrix products,
// attention with its causal half (Chowdhery et al., PaLM (2022), appendix B).
double TrainingFlops(const DecoderConfig& config, int64_t tokens, int64_t length);

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_CONFIG_H_
