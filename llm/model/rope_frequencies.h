// The angles of rotary positions: pair i of a head turns by  position * frequency[i], and its cosine and sine are
// multiplied by a magnitude. Scalings as in Transformers' modeling_rope_utils, from the papers that the proto names.
#ifndef STRATA_LLM_MODEL_ROPE_FREQUENCIES_H_
#define STRATA_LLM_MODEL_ROPE_FREQUENCIES_H_

#include <vector>

#include "llm/model/decoder_config.pb.h"

namespace strata::llm {

// `config` is complete and has RoPE. `local`: of layers with a window.
std::vector<double> RopeFrequencies(const DecoderConfig& config,
                                    bool local);  // rope.width / 2 numbers
double RopeMagnitude(const DecoderConfig& config, bool local);

// Whether frequencies are theta^(-2i / width) and the magnitude is 1; `theta` is theirs.
bool RopeIsPlain(const DecoderConfig& config, bool local, double* theta);

// Factor of attention's scores: DeepSeek's square of the magnitude of mscale_all_dim; else 1.
double RopeScoreFactor(const DecoderConfig& config);

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_ROPE_FREQUENCIES_H_
