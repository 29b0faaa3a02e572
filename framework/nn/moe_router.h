// Routers of mixtures of experts, and what keeps their experts equally busy. Letters: G groups of tokens that route by
// themselves, N tokens of a group, k experts of a token, E experts, C features.
//
//   Router router(parameters, {.name = "h.0.moe.router", .width = C, .experts = 8, .per_token = 2});
//   Routing routing = router.Forward(x);                            // x [G, N, C]
//   Tensor load = ExpertLoad(routing.ids, 8);                       // [G, 8]
//   loss = loss + 0.01 * LoadBalanceLoss(routing.scores, load) + 0.001 * RouterZLoss(routing.logits);
//
// Sparsely-gated mixtures: Shazeer et al. 2017 (arXiv:1701.06538). Balance loss: GShard (arXiv:2006.16668), Switch
// (arXiv:2101.03961). z-loss: ST-MoE (arXiv:2202.08906). Expert choice: Zhou et al. 2022 (arXiv:2202.09368). Balance
// without a loss: Wang et al. 2024 (arXiv:2408.15664), DeepSeek-V3 (arXiv:2412.19437).
#ifndef STRATA_FRAMEWORK_NN_MOE_ROUTER_H_
#define STRATA_FRAMEWORK_NN_MOE_ROUTER_H_

#include "framework/nn/module.h"
#include "framework/nn/parameters.h"

namespace strata::framework {

enum class RouterScores {
  kSoftmax,  // over the experts
  kSigmoid,  // of each expert by itself (DeepSeek-V3)
};

struct RouterOptions {
  std::string name = {};  // parameter "<name>.weight" [width, experts]
  int64_t width = 0;
  int64_t experts = 0;
  int64_t per_token = 2;
  RouterScores scores = RouterScores::kSoftmax;
  bool renormalize = false;  // the weights of a token add up to 1 (before `scale`)
  double scale = 1;          // of the weights
  // A state "<name>.balance" [experts] is added to the scores for the choice, not for the weights. The caller keeps it
  // up to date with BalancedBias().
  bool balance_bias = false;
  Init init = Init::Normal(0.02);
};

// Tokens choose experts.
struct Routing {
  Tensor ids;      // [G, N, k] i32, best first; no expert twice
  Tensor weights;  // [G, N, k] f32 (f64 of f64), differentiable
  Tensor scores;   // [G, N, E]
  Tensor logits;   // [G, N, E]
};

// Experts choose tokens: each takes as many as it has places, so all are equally busy and none is dropped twice.
struct ExpertChoice {
  Tensor tokens;   // [G, E, capacity] i32: of [0, N), best first
  Tensor weights;  // [G, E, capacity], differentiable
  Tensor logits;   // [G, N, E]
};

struct Router {
  // A count below 1, or more experts a token than there are, is a sticky error of the builder that names the router.
  Router(ParameterSet& parameters, const RouterOptions& options);

  Routing Forward(const Tensor& x, const Location& location = Location::current()) const;
  // `capacity` of [1, N]. Scores are a softmax over the experts. `per_token`, `renormalize` and the bias play no part.
  ExpertChoice Choose(const Tensor& x, int64_t capacity,
                      const Location& location = Location::current()) const;

  RouterOptions options;
  Tensor weight;
  Tensor balance;  // not valid without balance_bias
};

// How many choices each expert got: [G, E] in f32, of ids [G, N, k]. Not differentiable.
Tensor ExpertLoad(const Tensor& ids, int64_t experts);

// E * sum over experts of (share of the choices) * (mean score): 1 when both are equal everywhere, E when one expert has
// all. Scores [G, N, E] (those of a sigmoid are normalised over the experts), load [G, E]. The gradient flows through
// the scores. `per_group`: the mean of the groups' losses (GShard), which ranks compute alone; else one loss over all
// tokens, which lets groups differ.
Tensor LoadBalanceLoss(const Tensor& scores, const Tensor& load, bool per_group = true);

// Mean over tokens of log(sum(exp(logits)))^2: keeps logits small.
Tensor RouterZLoss(const Tensor& logits);

// bias [E] + rate * sign(mean load - load): experts with more than their share become less likely. load [G, E].
//   builder.Update(router.balance.id(), BalancedBias(router.balance, load, 1e-3).id());
Tensor BalancedBias(const Tensor& bias, const Tensor& load, double rate);

}  // namespace strata::framework

#endif  // STRATA_FRAMEWORK_NN_MOE_ROUTER_H_
