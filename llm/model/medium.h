// Medium: what differs between the graphs that one decoder definition makes. The decoder (decoder_body.h) says what is
// computed; a medium says how weights lie and are multiplied with, and where keys and values are kept:
//   PlainMedium   f32 parameters, whole sequences: for training, and the oracle of the other
//   PackedMedium  packed weights, paged keys and values: a step of the engine
//
// Activations are [B, T, ...]; a step has B = 1 and T = the rows of all sequences.
#ifndef STRATA_LLM_MODEL_MEDIUM_H_
#define STRATA_LLM_MODEL_MEDIUM_H_

#include <string>
#include <vector>

#include "framework/nn/linear.h"
#include "framework/nn/module.h"
#include "framework/tensor/tensor.h"
#include "llm/model/decoder_config.pb.h"

namespace strata::llm {

using framework::Location;
using framework::Tensor;

// A matrix of the model by the name of its parameter, less ".weight".
struct MatrixSpec {
  std::string name;
  int64_t in = 0;
  int64_t out = 0;
  bool bias = false;
  framework::Init init;
};

// `count` matrices under one name, [count, out, in].
struct StackSpec {
  MatrixSpec matrix;
  int64_t count = 1;
};

// Which rows of the step an activation has: all, or those whose logits are wanted.
enum class RowSet { kAll, kWanted };

// What an attention layer asks of its medium.
struct AttentionSpec {
  std::string name;  // of the layer's attention: its caches are "<name>.k_cache", "<name>.v_cache"
  double scale = 1;
  int64_t window = 0;
  double softcap = 0;
  RowSet queries = RowSet::kAll;  // keys and values are of all rows
};

// q [B, T, H, D], k [B, T, KV, D], v [B, T, KV, D]. T of q, here and below, is that of the spec's queries.
struct Heads {
  Tensor q, k, v;
};

// Latent attention: queries in two parts, the compressed keys and values, and the key part with position.
struct LatentHeads {
  Tensor q_nope;  // [B, T, H, nope]
  Tensor q_rope;  // [B, T, H, rope], turned
  Tensor kv;      // [B, T, rank], normalised
  Tensor k_rope;  // [B, T, 1, rope], turned
};

// A mixture of experts, less its router: gate and up [E, F, C], down [E, C, F].
struct ExpertsSpec {
  StackSpec gate, up, down;
  Activation activation = SILU;
};

class Medium {
 public:
  virtual ~Medium() = default;

  virtual graph::Builder& builder() = 0;

  // A parameter that is small and stays f32: norms, biases, positions.
  virtual Tensor Parameter(const std::string& name, const std::vector<int64_t>& dims,
                           const framework::Init& init) = 0;
  // x [..., in] -> [..., out], with the bias when there is one.
  virtual Tensor Multiply(const MatrixSpec& matrix, const Tensor& x, const Location& location) = 0;
  // Rows of the table [out, in] by ids.
  virtual Tensor LookUp(const MatrixSpec& table, const Tensor& ids) = 0;
  // x [..., in] times the table [out, in].
  virtual Tensor Unembed(const MatrixSpec& table, const Tensor& x) = 0;
  // Of x [B, T, ...] of all rows, those wanted.
  virtual Tensor Wanted(const Tensor& x) = 0;
  // x [B, T, H, W] of `rows` with its heads turned by the tokens' positions, as the config's RoPE says; `local`: of a
  // layer with a window.
  virtual Tensor Turn(bool local, RowSet rows, const Tensor& x) = 0;
  // [B, T of q, H, D of v].
  virtual Tensor Attend(const AttentionSpec& spec, const Heads& heads) = 0;
  // [B, T of q, H, value width]; `up` makes each head's nope key and value from kv.
  virtual Tensor AttendLatent(const AttentionSpec& spec, const LatentAttention& sizes,
                              const MatrixSpec& up, const LatentHeads& heads) = 0;
  // Sum over the chosen experts of weight * expert(x). `scores` [B, T, E] weigh experts, `choice` [B, T, E] ranks them;
  // they are the same tensor without a bias.
  virtual Tensor MixExperts(const Experts& experts, const ExpertsSpec& spec, const Tensor& x,
                            const Tensor& scores, const Tensor& choice) = 0;
};

// activation(x).
Tensor Activate(Activation activation, const Tensor& x);

// The chosen experts' weights, from their scores: `weights` over the last axis are theirs (0 for others).
Tensor FinishWeights(const Experts& experts, const Tensor& weights);

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_MEDIUM_H_
