// The decoder: GPT-2 and Llama from one definition. Names and layouts of weights are Hugging Face's.
#ifndef STRATA_LLM_MODEL_DECODER_H_
#define STRATA_LLM_MODEL_DECODER_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "framework/graph/builder.h"
#include "framework/graph/graph.pb.h"
#include "framework/nn/parameters.h"
#include "llm/model/decoder_config.pb.h"

namespace strata::llm {

// All parameters with shape and initialisation, in the model's order. Matrices that write into the residual stream start
// smaller by sqrt(2 layers), as GPT-2's (Radford et al. (2019), section 2.3).
std::vector<framework::ParameterSpec> DecoderParameters(const DecoderConfig& config);

// The mean cross-entropy of next-token prediction as a Graph with symbolic batch "B": inputs "tokens" and "targets"
// [B, sequence] i32 and the parameters; the scalar "loss". Left open in the builder, for gradients to follow.
struct DecoderLoss {
  graph::ValueId loss;
  std::vector<graph::ValueId> parameters;  // in DecoderParameters' order
};
DecoderLoss BuildDecoderLoss(graph::Builder& builder, const DecoderConfig& config,
                             int64_t sequence);

// One inference step, as inference::DecoderModel::BuildStep asks.
absl::StatusOr<graph::Graph> BuildDecoderStep(const DecoderConfig& config, int64_t batch,
                                              int64_t tokens, int64_t cache_length);

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_DECODER_H_
