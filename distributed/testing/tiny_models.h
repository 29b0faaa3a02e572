// Training steps of a tiny GPT and a tiny mixture of experts, for the tests of `distributed`: small enough for the
// reference interpreter, with every part that parallelism must get right.
//
//   STRATA_ASSIGN_OR_RETURN(graph::Graph step, TinyTrainingStep({.layers = 4}));
//   std::map<std::string, HostTensor> state = TinyState(step, /*seed=*/1);          // parameters and moments
//   std::map<std::string, HostTensor> batch = TinyBatch(step, /*rows=*/8, /*number=*/1);
//
// The step is forward, mean cross-entropy over all tokens, backward and AdamW with a clip norm, as the real decoder's
// (llm/train): embeddings, pre-norm blocks with separate q, k and v and the op `attention`, a GELU MLP or a mixture of
// gated experts, a head of its own or the embedding again. f32. Nodes carry the origin of their module ("h.0.attn.q
// (...)", gradients with "grad " before it).
//
// Inputs, by name: "tokens" and "targets" [B, T] i32, "lr" and "step" [] f32, the parameters, and for each parameter p
// the moments "p.m" and "p.v". Parameters, with C = width, F = hidden, D = C / heads, E = experts, weights [in, out]:
//   wte.weight [V, C]; wpe.weight [T, C] without rope; ln_f.weight, ln_f.bias [C]; lm_head.weight [C, V] when not tied
//   h.N.ln_1, h.N.ln_2: weight, bias [C]
//   h.N.attn.q [C, C], .k and .v [C, kv_heads D], .proj [C, C]: weight, bias
//   h.N.mlp.fc [C, F], .proj [F, C]: weight, bias                                       without experts
//   h.N.moe.router.weight [C, E]; h.N.moe.experts.gate, .up [E, C, F], .down [E, F, C]  with experts
// Outputs: "loss", with gradient_outputs "grad.<parameter>" of each (before clipping), then the updates.
#ifndef STRATA_DISTRIBUTED_TESTING_TINY_MODELS_H_
#define STRATA_DISTRIBUTED_TESTING_TINY_MODELS_H_

#include <cstdint>
#include <map>
#include <string>

#include "base/status.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/host_tensor.h"
#include "framework/graph/types.h"

namespace strata::distributed {

struct TinyModel {
  int64_t layers = 2;
  int64_t width = 32;
  int64_t heads = 4;
  int64_t kv_heads = 4;
  int64_t hidden = 64;  // of the MLP, or of each expert
  int64_t vocab = 64;
  int64_t sequence = 16;
  bool tied = false;    // the head is the embedding
  bool rope = false;    // rotary positions instead of learned ones
  int64_t experts = 0;  // 0: an MLP
  int64_t experts_per_token = 2;
  bool routed = false;  // experts see the tokens that chose them, in buffers; else all tokens
  // routed: the places of an expert's buffer over its even share of the tokens; 0: a place for every token.
  double capacity_factor = 1.25;
  bool grouped = false;     // routed: rows sorted by expert instead of buffers; nothing is dropped
  graph::Size batch = "B";  // rows of tokens; a number or the symbol
  double clip_norm = 0.5;   // 0: none
  bool gradient_outputs = false;
};

// A GPT with four experts of half the hidden width in every layer.
TinyModel TinyMoe();

// The same where each expert works on the tokens that chose it: a sequence is a group, and buffers of a capacity drop
// what finds no place (framework/nn/moe.h).
TinyModel TinyRoutedMoe();

absl::StatusOr<graph::Graph> TinyTrainingStep(const TinyModel& model);

// Value of every PARAMETER and STATE input, a function of its name and the seed alone. Nothing starts at a round number:
// gains are near 1, biases and first moments near 0, second moments of the order of the gradients' squares, so that a
// wrong piece of any of them shows, and an update is a smooth function of its gradient.
std::map<std::string, graph::HostTensor> TinyState(const graph::Graph& step, uint64_t seed);

// Value of every DATA input at step `number` (from 1): tokens and targets of `rows` rows, lr and step. Depends on the
// number and the shapes alone, so that all ranks can make it.
std::map<std::string, graph::HostTensor> TinyBatch(const graph::Graph& step, int64_t rows,
                                                   int64_t number);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_TESTING_TINY_MODELS_H_
