// The metadata and the small tensors of a GGUF file as DecoderConfig, and back.
//
//   STRATA_ASSIGN_OR_RETURN(inference::GgufFile file, inference::OpenGguf("model.gguf"));
//   STRATA_ASSIGN_OR_RETURN(DecoderConfig config, ParseGgufConfig(file));
//
// GGUF and Hugging Face's files hold the same model with weights that lie differently. A config of ParseGgufConfig() is
// of the GGUF file's own weights, so that they can be used as they are:
//   rope.interleaved  true for Llama, Mistral, Mixtral: the rows of q and k are in pairs (2i, 2i + 1)
//   norm_offset       0: Gemma's norms hold their weight + 1
//   input_major       false: GPT-2's matrices are [out, in]
// What metadata does not say is read off the tensors: tied embeddings (no output.weight), biases, the norms of q and k,
// RoPE's factors (rope_freqs, rope_factors_short and _long).
#ifndef STRATA_LLM_MODEL_GGUF_CONFIG_H_
#define STRATA_LLM_MODEL_GGUF_CONFIG_H_

#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "inference/import/gguf.h"
#include "llm/model/decoder_config.pb.h"

namespace strata::llm {

// UNIMPLEMENTED for an architecture that the table lacks and for settings that differ from layer to layer;
// INVALID_ARGUMENT and NOT_FOUND with the file and the key for the rest. The config is complete.
absl::StatusOr<DecoderConfig> ParseGgufConfig(const inference::GgufFile& file);

// general.architecture and all keys under it. `config` is complete and of Hugging Face's layout. UNIMPLEMENTED with the
// fields of features that GGUF has no words for.
absl::StatusOr<inference::GgufMetadata> GgufConfigEntries(const DecoderConfig& config);

// The small tensors that hold factors of RoPE's frequencies, by name; each has rope.width / 2 values.
std::map<std::string, std::vector<float>> GgufRopeTensors(const DecoderConfig& config);

// The same model with weights as Hugging Face's files hold them.
DecoderConfig InHfLayout(DecoderConfig config);

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_GGUF_CONFIG_H_
