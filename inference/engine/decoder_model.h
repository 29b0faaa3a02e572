// DecoderModel: what the engine needs from a language model. inference declares it; llm/model
// implements it.
#ifndef STRATA_INFERENCE_ENGINE_DECODER_MODEL_H_
#define STRATA_INFERENCE_ENGINE_DECODER_MODEL_H_

#include <cstdint>
#include <map>
#include <string>

#include "base/status.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/host_tensor.h"

namespace strata::inference {

// Weights by parameter name; tensors may be views of a mapped file.
using WeightMap = std::map<std::string, graph::HostTensor>;

class DecoderModel {
 public:
  virtual ~DecoderModel() = default;
  virtual const std::string& name() const = 0;
  virtual int64_t vocab_size() const = 0;
  virtual int64_t max_context() const = 0;  // tokens, prompt and answer together

  // One step of inference as a Graph with concrete dims: `tokens` new tokens after start[b] cached
  // ones.
  //   DATA:      "tokens" [batch, tokens] i32, "start" [batch] i32
  //   PARAMETER: the weights, by name
  //   STATE:     KV caches [batch, cache_length, KV, D], zeros at first, each with an update
  //   output 0:  "logits" [batch, V], of the last of the new tokens
  virtual absl::StatusOr<graph::Graph> BuildStep(int64_t batch, int64_t tokens,
                                                 int64_t cache_length) const = 0;

  virtual const WeightMap& weights() const = 0;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_DECODER_MODEL_H_
