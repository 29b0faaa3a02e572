// Moe: a feed-forward block of many experts of which each token uses a few.
//
//   Moe moe(parameters, {.name = "h.0.moe", .width = C, .hidden = F, .router = {.experts = 8, .per_token = 2},
//                        .form = ExpertForm::kCapacity, .capacity_factor = 1.25});
//   MoeOutput out = moe.Forward(x);        // x [G, N, C]: a sequence is a group
//   x = x + out.y;
//   losses.push_back(LoadBalanceLoss(out.routing.scores, out.load));
//
// Parameters: "<name>.router.weight" [C, E], "<name>.experts.gate", ".up" [E, C, F], ".down" [E, F, C], and with
// shared experts "<name>.shared.{gate,up,down}.weight" (DeepSeekMoE, arXiv:2401.06066). Whatever the form, y is that of
// kDense with the weights of dropped choices at 0, up to the order of sums.
#ifndef STRATA_FRAMEWORK_NN_MOE_H_
#define STRATA_FRAMEWORK_NN_MOE_H_

#include <optional>

#include "framework/nn/mlp.h"
#include "framework/nn/moe_experts.h"
#include "framework/nn/moe_router.h"

namespace strata::framework {

enum class ExpertForm {
  kGrouped,   // sorted rows, nothing padded, nothing dropped
  kCapacity,  // buffers of a fixed size: what finds its expert full is dropped
  kDense,     // every expert on every token: the reference
};

struct MoeOptions {
  std::string name;
  int64_t width = 0;
  int64_t hidden = 0;         // of one expert
  RouterOptions router = {};  // its name and width are set by Moe
  ExpertForm form = ExpertForm::kGrouped;
  // kCapacity, and experts that choose: places = capacity_factor * N * per_token / experts; 0: a place for every token.
  double capacity_factor = 1.25;
  bool experts_choose =
      false;  // tokens are chosen by experts; kGrouped is then the same as kCapacity
  int64_t shared_hidden = 0;  // 0: no shared expert
  Init init = Init::Normal(0.02);
  Init down_init = Init::Normal(0.02);
};

struct MoeOutput {
  Tensor y;         // [G, N, C]
  Routing routing;  // of experts_choose: the logits only
  Tensor load;  // [G, E] f32: choices of each expert, the dropped ones too; not with experts_choose
  Tensor slot;  // [G, N, k] i32, negative: dropped; kCapacity only
  Tensor tokens;  // [G, E, capacity] i32: whom the experts chose; experts_choose only
};

struct Moe {
  Moe(ParameterSet& parameters, const MoeOptions& options);
  // x [G, N, C] with N known (kDense: or not). Else a sticky error of the builder.
  MoeOutput Forward(const Tensor& x, const Location& location = Location::current()) const;

  MoeOptions options;
  Router router;
  ExpertWeights experts;
  std::optional<GatedMlp> shared;
};

}  // namespace strata::framework

#endif  // STRATA_FRAMEWORK_NN_MOE_H_
