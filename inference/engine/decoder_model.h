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

// Sizes of a step over a ragged batch: token rows of any sequences, whose keys and values lie in one
// pool of slots.
struct StepShape {
  int64_t rows = 1;         // R: tokens of this step, padding included
  int64_t logit_rows = 1;   // of those, from the first on, whose logits are wanted
  int64_t views = 1;        // V: lists of slots that rows may attend to
  int64_t view_length = 1;  // L: the longest such list
  int64_t slots = 1;        // of the pool; slot 0 takes what padding rows write
};

// How keys and values are kept.
enum class KvFormat { kF32, kF16, kBf16, kInt8 };

class DecoderModel {
 public:
  virtual ~DecoderModel() = default;
  virtual const std::string& name() const = 0;
  virtual int64_t vocab_size() const = 0;
  virtual int64_t max_context() const = 0;  // tokens, prompt and answer together

  // One step over a ragged batch, with concrete dims:
  //   DATA:      "tokens" [R] i32; "positions" [R] i32 (of the token in its text, for RoPE);
  //              "slots" [R] i32: where row r's key and value go, each slot but 0 at most once;
  //              "views" [V, L] i32: slots in the order of the text;
  //              "row_view" [R] i32, "row_length" [R] i32: row r attends to the first row_length[r]
  //              slots of views[row_view[r]], its own among them (0: a padding row)
  //   PARAMETER: the weights, by name
  //   STATE:     the caches of every layer, dim 0 = slots, each with an update; zeros at first
  //   output 0:  "logits" [logit_rows, vocabulary] f32, of the first rows
  // A row's bits depend on its token, position, and the keys and values it sees: on nothing else.
  virtual absl::StatusOr<graph::Graph> BuildStep(const StepShape& shape, KvFormat kv) const = 0;

  virtual const WeightMap& weights() const = 0;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_DECODER_MODEL_H_
