// Mixture of experts in its direct form: every expert sees every token, and the weights of those that a token did not
// choose are 0. Differentiable, and the oracle of the form that computes the chosen ones alone.
#ifndef STRATA_LLM_MODEL_PLAIN_EXPERTS_H_
#define STRATA_LLM_MODEL_PLAIN_EXPERTS_H_

#include "llm/model/medium.h"

namespace strata::llm {

// The weight of each expert [B, T, E] for each token: 0 for those that are not chosen.
Tensor ExpertWeights(const Experts& experts, const Tensor& scores, const Tensor& choice);

// Sum over experts of weights [B, T, E] * expert(x [B, T, C]); gate and up are [E, F, C], down [E, C, F].
Tensor MixAllExperts(Activation activation, const Tensor& x, const Tensor& weights,
                     const Tensor& gate, const Tensor& up, const Tensor& down);

}  // namespace strata::llm

#endif  // STRATA_LLM_MODEL_PLAIN_EXPERTS_H_
