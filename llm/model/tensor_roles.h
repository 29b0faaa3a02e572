// TensorRole: what a weight is for. Architectures name each role in their files; GGUF has one name a role for all.
//
//   GgufName(TensorRole::kQuery, 3) == "blk.3.attn_q"     // ".weight" or ".bias" follows
#ifndef STRATA_LLM_MODEL_TENSOR_ROLES_H_
#define STRATA_LLM_MODEL_TENSOR_ROLES_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace strata::llm {

enum class TensorRole {
  // Of the model.
  kEmbedding,  // [V, C]
  kPositions,  // [context, C]
  kFinalNorm,
  kHead,  // [V, C]
  // Of a layer.
  kAttentionNorm,
  kAttentionPostNorm,
  kQkv,  // [(H + 2 KV) D, C]
  kQuery,
  kKey,
  kValue,
  kQueryNorm,  // [D]
  kKeyNorm,
  kAttentionOutput,
  kMlpNorm,
  kMlpPostNorm,
  kGateUp,  // [2 F, C]
  kGate,
  kUp,
  kDown,
  // Mixture of experts. An expert's matrices have {expert} in their names in Hugging Face's files.
  kRouter,      // [E, C]
  kRouterBias,  // [E]; the name is whole, nothing follows
  kExpertGate,  // [E, F, C]
  kExpertUp,
  kExpertDown,  // [E, C, F]
  kSharedGate,
  kSharedUp,
  kSharedDown,
  // Latent attention.
  kQueryDown,      // [query_rank, C]
  kQueryDownNorm,  // [query_rank]
  kQueryUp,        // [H (nope + rope), query_rank]
  kKvDown,         // [kv_rank + rope, C]
  kKvDownNorm,     // [kv_rank]
  kKvUp,           // [H (nope + value), kv_rank]
};

// `pattern` with "{layer}" and "{expert}" filled in; a negative expert takes "{expert}." out: the name of all stacked.
std::string FillName(absl::string_view pattern, int64_t layer, int64_t expert = -1);

// GGUF's pattern of a role; `layer` is not used by the model's own.
absl::string_view GgufPattern(TensorRole role);
std::string GgufName(TensorRole role, int64_t layer = 0);

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_TENSOR_ROLES_H_
