#include "framework/nn/linear.h"

namespace strata::framework {

Linear::Linear(ParameterSet& parameters, const LinearOptions& o) : options(o) {
  const std::vector<int64_t> dims =
      o.transposed_weight ? std::vector<int64_t>{o.out, o.in} : std::vector<int64_t>{o.in, o.out};
  weight = parameters.Create(JoinName(o.name, "weight"), dims, o.init);
  if (o.bias) bias = parameters.Create(JoinName(o.name, "bias"), {o.out}, Init::Zeros());
}

Tensor Linear::Forward(const Tensor& x, const Location& location) const {
  ModuleScope scope(*weight.builder(), options.name, location);
  Tensor y = MatMul(x, weight, /*transpose_a=*/false, options.transposed_weight);
  return options.bias ? y + bias : y;
}

}  // namespace strata::framework
