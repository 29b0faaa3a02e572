#include "framework/nn/normalization.h"

namespace strata::framework {

using graph::Attr;

LayerNorm::LayerNorm(ParameterSet& parameters, const NormOptions& o)
    : options(o),
      weight(parameters.Create(JoinName(o.name, "weight"), {o.width}, Init::Ones())),
      bias(parameters.Create(JoinName(o.name, "bias"), {o.width}, Init::Zeros())) {}

Tensor LayerNorm::Forward(const Tensor& x, const Location& location) const {
  ModuleScope scope(*weight.builder(), options.name, location);
  return Apply("layer_norm", {x, weight, bias}, {{"epsilon", Attr(options.epsilon)}});
}

RmsNorm::RmsNorm(ParameterSet& parameters, const NormOptions& o)
    : options(o), weight(parameters.Create(JoinName(o.name, "weight"), {o.width}, Init::Ones())) {}

Tensor RmsNorm::Forward(const Tensor& x, const Location& location) const {
  ModuleScope scope(*weight.builder(), options.name, location);
  return Apply("rms_norm", {x, weight}, {{"epsilon", Attr(options.epsilon)}});
}

}  // namespace strata::framework
