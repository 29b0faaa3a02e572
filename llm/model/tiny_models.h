// Tiny models of every architecture with made weights, for tests: a few layers, narrow, with every feature of theirs.
#ifndef STRATA_LLM_MODEL_TINY_MODELS_H_
#define STRATA_LLM_MODEL_TINY_MODELS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "framework/graph/host_tensor.h"
#include "llm/model/decoder_config.pb.h"

namespace strata::llm {

// Complete; widths are multiples of 32, so that weights can be in any format of blocks of 32. `vocab_size` 61.
DecoderConfig TinyConfig(const std::string& architecture);

// Every feature beyond the architectures' own: RoPE scalings, a window in all layers, norms after the blocks, ...
std::map<std::string, DecoderConfig> TinyVariants();

// Normal weights, large enough that a wrong step shows; norms and biases too are random.
std::map<std::string, graph::HostTensor> TinyWeights(const DecoderConfig& config, uint64_t seed);

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_TINY_MODELS_H_
