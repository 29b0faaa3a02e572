#include "framework/nn/embedding.h"

namespace strata::framework {

Embedding::Embedding(ParameterSet& parameters, const EmbeddingOptions& o)
    : options(o),
      weight(parameters.Create(JoinName(o.name, "weight"), {o.rows, o.width}, o.init)) {}

Tensor Embedding::Forward(const Tensor& ids, const Location& location) const {
  ModuleScope scope(*weight.builder(), options.name, location);
  return Embed(weight, ids);
}

Tensor Embedding::Unembed(const Tensor& x, const Location& location) const {
  ModuleScope scope(*weight.builder(), "unembed", location);  // far from the look-up in a pipeline
  return MatMul(x, weight, /*transpose_a=*/false, /*transpose_b=*/true);
}

}  // namespace strata::framework
