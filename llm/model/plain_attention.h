// Causal attention from elementary ops, with a window and a soft cap: what the op `attention` does not have.
#ifndef STRATA_LLM_MODEL_PLAIN_ATTENTION_H_
#define STRATA_LLM_MODEL_PLAIN_ATTENTION_H_

#include "llm/model/medium.h"

namespace strata::llm {

// q [B, T, H, D], k and v [B, T, KV, D] -> [B, T, H, D]; query i sees keys (i - window, i], all of [0, i] for window 0.
Tensor AttendElementary(const AttentionSpec& spec, const Heads& heads);

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_PLAIN_ATTENTION_H_
