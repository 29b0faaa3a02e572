// CausalSelfAttention: each token attends to itself and to what came before it.
//
//   CausalSelfAttention gpt2(parameters, {.name = "h.0.attn", .width = 768, .heads = 12, .fused_qkv
//   = true}); Tensor y = gpt2.Forward(x);                                  // x [B, T, 768] -> the
//   same
//
//   CausalSelfAttention llama(parameters, {.name = "layers.0.self_attn", .width = 2048, .heads =
//   32, .kv_heads = 4,
//                                          .bias = false, .transposed_weight = true, .rope_theta =
//                                          10000});
//   KvCache cache = MakeKvCache(b, "layers.0.self_attn", chips::F32, {"B", 2048, 4, 64}, start);
//   Tensor y = llama.Forward(x, positions, &cache);              // positions [B, T] i32
//
// With a cache the T new tokens of row b take the slots [start[b], start[b] + T), and see all slots
// before them; the cache is updated in place (Graph.updates).
#ifndef STRATA_FRAMEWORK_NN_ATTENTION_H_
#define STRATA_FRAMEWORK_NN_ATTENTION_H_

#include "framework/nn/linear.h"

namespace strata::framework {

struct AttentionOptions {
  std::string name;
  int64_t width = 0;
  int64_t heads = 0;
  int64_t kv_heads = 0;    // 0: as many as heads
  int64_t head_width = 0;  // 0: width / heads
  bool fused_qkv = false;  // one projection to [q, k, v] (GPT-2) instead of three
  bool bias = true;        // of the projections to q, k and v
  bool output_bias = true;
  bool transposed_weight = false;
  double rope_theta = 0;  // above 0: q and k are turned by rotary position embedding
  bool rope_interleaved = false;
  std::string qkv_name = "c_attn";  // fused
  std::string q_name = "q_proj";    // separate
  std::string k_name = "k_proj";
  std::string v_name = "v_proj";
  std::string output_name = "o_proj";  // GPT-2: "c_proj"
  Init init = Init::Normal(0.02);
  Init output_init = Init::Normal(0.02);
};

// Keys and values of the tokens so far.
struct KvCache {
  Tensor keys;    // [B, S, KV, D], a STATE input
  Tensor values;  // the same
  Tensor start;   // [B] i32: how many tokens each row has so far
};

// STATE inputs "<name>.k_cache" and "<name>.v_cache" of shape [B, S, KV, D].
KvCache MakeKvCache(graph::Builder& builder, const std::string& name, graph::DType dtype,
                    const graph::Shape& shape, const Tensor& start);

struct CausalSelfAttention {
  CausalSelfAttention(ParameterSet& parameters, const AttentionOptions& options);

  // `positions` [B, T] i32 is needed with rope, and only then. `cache`: see above.
  Tensor Forward(const Tensor& x, const Tensor& positions = {}, const KvCache* cache = nullptr,
                 const Location& location = Location::current()) const;

  AttentionOptions options;
  std::vector<Linear> projections;  // fused: one; separate: q, k, v
  std::vector<Linear> output;       // one
};

}  // namespace strata::framework

#endif  // STRATA_FRAMEWORK_NN_ATTENTION_H_
