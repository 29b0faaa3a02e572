#include "framework/nn/mlp.h"

namespace strata::framework {
namespace {

template <typename Options>
LinearOptions Part(const Options& o, const std::string& name, int64_t in, int64_t out,
                   const Init& init) {
  return {JoinName(o.name, name), in, out, o.bias, o.transposed_weight, init};
}

}  // namespace

Mlp::Mlp(ParameterSet& parameters, const MlpOptions& o)
    : options(o),
      up(parameters, Part(o, o.up_name, o.width, o.hidden, o.init)),
      down(parameters, Part(o, o.down_name, o.hidden, o.width, o.down_init)) {}

Tensor Mlp::Forward(const Tensor& x, const Location& location) const {
  ModuleScope scope(*up.weight.builder(), options.name, location);
  return down.Forward(Gelu(up.Forward(x, location), options.approximate), location);
}

GatedMlp::GatedMlp(ParameterSet& parameters, const GatedMlpOptions& o)
    : options(o),
      gate(parameters, Part(o, o.gate_name, o.width, o.hidden, o.init)),
      up(parameters, Part(o, o.up_name, o.width, o.hidden, o.init)),
      down(parameters, Part(o, o.down_name, o.hidden, o.width, o.down_init)) {}

Tensor GatedMlp::Forward(const Tensor& x, const Location& location) const {
  ModuleScope scope(*up.weight.builder(), options.name, location);
  const Tensor hidden = Silu(gate.Forward(x, location)) * up.Forward(x, location);
  return down.Forward(hidden, location);
}

}  // namespace strata::framework
