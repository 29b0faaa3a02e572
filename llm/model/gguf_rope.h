// The part of gguf_config.h that is about scaled RoPE.
#ifndef STRATA_LLM_MODEL_GGUF_ROPE_H_
#define STRATA_LLM_MODEL_GGUF_ROPE_H_

#include <string>

#include "base/status.h"
#include "inference/import/gguf.h"
#include "llm/model/decoder_config.pb.h"

namespace strata::llm {

// "<prefix>rope.scaling.*", and the tensors of factors, into config->rope(). Widths, theta and context are set before.
absl::Status ReadGgufRope(const inference::GgufFile& file, const std::string& prefix,
                          DecoderConfig* config);

// `config` is complete and has RoPE.
void WriteGgufRope(const DecoderConfig& config, const std::string& prefix,
                   inference::GgufMetadata* metadata);

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_GGUF_ROPE_H_
