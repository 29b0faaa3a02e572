#include "framework/nn/moe.h"

#include "absl/strings/str_cat.h"

namespace strata::framework {
namespace {

RouterOptions RouterOf(const MoeOptions& o) {
  RouterOptions router = o.router;
  router.name = JoinName(o.name, "router");
  router.width = o.width;
  return router;
}

ExpertWeights CreateExperts(ParameterSet& parameters, const MoeOptions& o) {
  const int64_t E = o.router.experts;
  const auto stack = [&](const char* part, int64_t in, int64_t out, const Init& init) {
    return parameters.Create(JoinName(o.name, absl::StrCat("experts.", part)), {E, in, out}, init);
  };
  ExpertWeights w;
  w.gate = stack("gate", o.width, o.hidden, o.init);
  w.up = stack("up", o.width, o.hidden, o.init);
  w.down = stack("down", o.hidden, o.width, o.down_init);
  return w;
}

bool NeedsTokens(const MoeOptions& o) { return o.experts_choose || o.form != ExpertForm::kDense; }

absl::Status CheckTokens(const MoeOptions& o, const Tensor& x) {
  const graph::TensorType type = x.type();
  if (type.rank() == 3 && !(NeedsTokens(o) && type.shape[1].is_symbol())) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(o.name, ": x is ", type.ToString(), "; must be [G, N, C]",
                   NeedsTokens(o) ? " with N known: bind its symbol first" : ""));
}

int64_t CapacityOf(const MoeOptions& o, const Tensor& x) {
  return ExpertCapacity(x.dim(1).size(), o.router.per_token, o.router.experts, o.capacity_factor);
}

// [G, N, E] of what the experts chose.
Tensor DenseChoice(const ExpertChoice& choice, int64_t tokens) {
  const Tensor by_expert = DenseWeights(choice.tokens, choice.weights, tokens);  // [G, E, N]
  return Transpose(by_expert, {0, 2, 1});
}

void ForwardChosen(const Moe& moe, const Tensor& x, const Location& location, MoeOutput* out) {
  const ExpertChoice choice = moe.router.Choose(x, CapacityOf(moe.options, x), location);
  out->routing.logits = choice.logits;
  out->tokens = choice.tokens;
  out->y = moe.options.form == ExpertForm::kDense
               ? DenseExperts(moe.experts, x, DenseChoice(choice, x.dim(1).size()))
               : ChosenTokensExperts(moe.experts, x, choice.tokens, choice.weights);
}

void ForwardRouted(const Moe& moe, const Tensor& x, const Location& location, MoeOutput* out) {
  const int64_t E = moe.options.router.experts;
  out->routing = moe.router.Forward(x, location);
  const Tensor &ids = out->routing.ids, &weights = out->routing.weights;
  out->load = ExpertLoad(ids, E);
  switch (moe.options.form) {
    case ExpertForm::kDense:
      out->y = DenseExperts(moe.experts, x, DenseWeights(ids, weights, E));
      return;
    case ExpertForm::kGrouped:
      out->y = GroupedExperts(moe.experts, x, ids, weights);
      return;
    case ExpertForm::kCapacity: {
      const int64_t capacity = CapacityOf(moe.options, x);
      out->slot = CapacitySlots(ids, E, capacity);
      out->y = CapacityExperts(moe.experts, x, out->slot, weights, capacity);
    }
  }
}

}  // namespace

Moe::Moe(ParameterSet& parameters, const MoeOptions& o)
    : options(o), router(parameters, RouterOf(o)), experts(CreateExperts(parameters, o)) {
  if (o.shared_hidden == 0) return;
  shared.emplace(parameters, GatedMlpOptions{.name = JoinName(o.name, "shared"),
                                             .width = o.width,
                                             .hidden = o.shared_hidden,
                                             .transposed_weight = false,
                                             .gate_name = "gate",
                                             .up_name = "up",
                                             .down_name = "down",
                                             .init = o.init,
                                             .down_init = o.down_init});
}

MoeOutput Moe::Forward(const Tensor& x, const Location& location) const {
  ModuleScope scope(*experts.gate.builder(), options.name, location);
  MoeOutput out;
  const absl::Status status = CheckTokens(options, x);
  if (!status.ok()) {
    experts.gate.builder()->Fail(status);
    return out;
  }
  options.experts_choose ? ForwardChosen(*this, x, location, &out)
                         : ForwardRouted(*this, x, location, &out);
  if (shared.has_value()) out.y = out.y + shared->Forward(x, location);
  return out;
}

}  // namespace strata::framework
