// The plain graphs of a decoder: f32 parameters with Hugging Face's names and layouts, whole sequences. The engine's
// steps are made by packed_step.h, from the same definition (decoder_body.h).
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
// smaller by sqrt(2 layers), as GPT-2's (Radford et al. (2019), section 2.3). The experts of a layer are one parameter:
// "model.layers.0.mlp.experts.gate_proj.weight" [E, F, C].
std::vector<framework::ParameterSpec> DecoderParameters(const DecoderConfig& config);

// Of all parameters together: "a 124M model".
int64_t ParameterCount(const DecoderConfig& config);

// Flops of one training step on `tokens` tokens in sequences of `length`: forward and backward of all matrix products that
// a token takes part in, attention with its causal half (Chowdhery et al., PaLM (2022), appendix B).
double TrainingFlops(const DecoderConfig& config, int64_t tokens, int64_t length);

// The mean cross-entropy of next-token prediction as a Graph with symbolic batch "B": inputs "tokens" and "targets"
// [B, sequence] i32 and the parameters; the scalar "loss". Left open in the builder, for gradients to follow.
struct DecoderLoss {
  graph::ValueId loss;
  std::vector<graph::ValueId> parameters;  // in DecoderParameters' order
};
DecoderLoss BuildDecoderLoss(graph::Builder& builder, const DecoderConfig& config,
                             int64_t sequence);

// Inputs "tokens" [batch, sequence] i32 and the parameters; output "logits" [batch, sequence, V]: the oracle.
absl::StatusOr<graph::Graph> BuildDecoderLogits(const DecoderConfig& config, int64_t batch,
                                                int64_t sequence);

// A step with a contiguous cache: DATA "tokens" [batch, tokens] and "start" [batch] i32, STATE caches
// [batch, cache_length, KV, D]; output 0 "logits" [batch, V] of the last tokens.
absl::StatusOr<graph::Graph> BuildDecoderStep(const DecoderConfig& config, int64_t batch,
                                              int64_t tokens, int64_t cache_length);

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_DECODER_H_
