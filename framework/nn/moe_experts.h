// The experts of a mixture, applied in three ways that give the same numbers: dense (every expert on every token: the
// definition of right), in buffers of a fixed capacity, and on sorted rows without padding.
//
// Letters: G groups of tokens, N tokens of a group, k choices of a token, E experts, C features, F hidden features.
// An expert is gated: (silu(x Wgate) * (x Wup)) Wdown.
#ifndef STRATA_FRAMEWORK_NN_MOE_EXPERTS_H_
#define STRATA_FRAMEWORK_NN_MOE_EXPERTS_H_

#include "framework/tensor/tensor.h"

namespace strata::framework {

struct ExpertWeights {
  Tensor gate, up;  // [E, C, F]
  Tensor down;      // [E, F, C]

  int64_t experts() const { return gate.dim(0).size(); }
};

// ceil(factor * tokens * per_token / experts), at least 1 and at most `tokens`: an expert is a token's choice once at
// most, so with `tokens` places nothing is dropped. A factor of 0 or less asks for that.
int64_t ExpertCapacity(int64_t tokens, int64_t per_token, int64_t experts, double factor);

// Sum over experts of weights [G, N, E] * expert(x [G, N, C]): E times the work of one expert a token.
Tensor DenseExperts(const ExpertWeights& w, const Tensor& x, const Tensor& weights);

// What DenseExperts takes: [G, N, E], the weight of each choice ids [G, N, k] at its expert and 0 elsewhere; 0 as well
// for choices whose slot [G, N, k] is negative (dropped), when `slot` is valid.
Tensor DenseWeights(const Tensor& ids, const Tensor& weights, int64_t experts,
                    const Tensor& slot = Tensor());

// Where ids [G, N, k] go: slot [G, N, k] i32, -1 for what finds its expert full. First choices of all tokens come first.
Tensor CapacitySlots(const Tensor& ids, int64_t experts, int64_t capacity);

// Buffers of `capacity` rows an expert and group, [G, E, capacity, C]; what has no slot adds nothing. Cut along groups
// before and after, and along experts in between, this is expert parallelism: two all-to-alls. A known G makes one
// product an expert of all groups.
Tensor CapacityExperts(const ExpertWeights& w, const Tensor& x, const Tensor& slot,
                       const Tensor& weights, int64_t capacity);

// N * k rows a group, sorted by expert: nothing is padded and nothing dropped. N must be known.
Tensor GroupedExperts(const ExpertWeights& w, const Tensor& x, const Tensor& ids,
                      const Tensor& weights);

// Each expert on the tokens [G, E, capacity] (i32) that it chose, times weights [G, E, capacity]; a token is the sum of
// what its experts give, or 0. N must be known.
Tensor ChosenTokensExperts(const ExpertWeights& w, const Tensor& x, const Tensor& tokens,
                           const Tensor& weights);

}  // namespace strata::framework

#endif  // STRATA_FRAMEWORK_NN_MOE_EXPERTS_H_
