#include "llm/model/tensor_roles.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace strata::llm {

std::string FillName(absl::string_view pattern, int64_t layer, int64_t expert) {
  const std::string layer_text = absl::StrCat(layer);
  if (expert < 0) return absl::StrReplaceAll(pattern, {{"{layer}", layer_text}, {"{expert}.", ""}});
  return absl::StrReplaceAll(pattern,
                             {{"{layer}", layer_text}, {"{expert}", absl::StrCat(expert)}});
}

absl::string_view GgufPattern(TensorRole role) {
  switch (role) {
    case TensorRole::kEmbedding:
      return "token_embd";
    case TensorRole::kPositions:
      return "position_embd";
    case TensorRole::kFinalNorm:
      return "output_norm";
    case TensorRole::kHead:
      return "output";
    case TensorRole::kAttentionNorm:
      return "blk.{layer}.attn_norm";
    case TensorRole::kAttentionPostNorm:
      return "blk.{layer}.post_attention_norm";
    case TensorRole::kQkv:
      return "blk.{layer}.attn_qkv";
    case TensorRole::kQuery:
      return "blk.{layer}.attn_q";
    case TensorRole::kKey:
      return "blk.{layer}.attn_k";
    case TensorRole::kValue:
      return "blk.{layer}.attn_v";
    case TensorRole::kQueryNorm:
      return "blk.{layer}.attn_q_norm";
    case TensorRole::kKeyNorm:
      return "blk.{layer}.attn_k_norm";
    case TensorRole::kAttentionOutput:
      return "blk.{layer}.attn_output";
    case TensorRole::kMlpNorm:
      return "blk.{layer}.ffn_norm";
    case TensorRole::kMlpPostNorm:
      return "blk.{layer}.post_ffw_norm";
    case TensorRole::kGate:
      return "blk.{layer}.ffn_gate";
    case TensorRole::kGateUp:  // GGUF's Phi-3 keeps both under the name of one
    case TensorRole::kUp:
      return "blk.{layer}.ffn_up";
    case TensorRole::kDown:
      return "blk.{layer}.ffn_down";
    case TensorRole::kRouter:
      return "blk.{layer}.ffn_gate_inp";
    case TensorRole::kRouterBias:
      return "blk.{layer}.exp_probs_b.bias";
    case TensorRole::kExpertGate:
      return "blk.{layer}.ffn_gate_exps";
    case TensorRole::kExpertUp:
      return "blk.{layer}.ffn_up_exps";
    case TensorRole::kExpertDown:
      return "blk.{layer}.ffn_down_exps";
    case TensorRole::kSharedGate:
      return "blk.{layer}.ffn_gate_shexp";
    case TensorRole::kSharedUp:
      return "blk.{layer}.ffn_up_shexp";
    case TensorRole::kSharedDown:
      return "blk.{layer}.ffn_down_shexp";
    case TensorRole::kQueryDown:
      return "blk.{layer}.attn_q_a";
    case TensorRole::kQueryDownNorm:
      return "blk.{layer}.attn_q_a_norm";
    case TensorRole::kQueryUp:
      return "blk.{layer}.attn_q_b";
    case TensorRole::kKvDown:
      return "blk.{layer}.attn_kv_a_mqa";
    case TensorRole::kKvDownNorm:
      return "blk.{layer}.attn_kv_a_norm";
    case TensorRole::kKvUp:
      return "blk.{layer}.attn_kv_b";
  }
  return "";
}

std::string GgufName(TensorRole role, int64_t layer) { return FillName(GgufPattern(role), layer); }

}  // namespace strata::llm
