// DecoderConfig: defaults, checks, named shapes.
//
//   DecoderConfig config;
//   config.set_architecture("gpt2");
//   config.set_vocab_size(256);  // layers, width, heads ...
//   STRATA_ASSIGN_OR_RETURN(config, CompleteConfig(config));
#ifndef STRATA_LLM_MODEL_CONFIG_H_
#define STRATA_LLM_MODEL_CONFIG_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "llm/model/decoder_config.pb.h"

namespace strata::llm {

// Fills what is unset with the architecture's features and the defaults that the proto names, and checks the rest.
// INVALID_ARGUMENT with the field. A complete config comes back as it is.
absl::StatusOr<DecoderConfig> CompleteConfig(DecoderConfig config);

// "gpt2-124m", "tinyllama-1.1b", ...; NOT_FOUND lists the names.
absl::StatusOr<DecoderConfig> NamedConfig(const std::string& name);
std::vector<std::string> ConfigNames();

// Whether a layer attends to the window only, and whether its feed-forward block is a mixture of experts.
bool LayerHasWindow(const DecoderConfig& config, int64_t layer);
bool LayerHasExperts(const DecoderConfig& config, int64_t layer);

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_CONFIG_H_
