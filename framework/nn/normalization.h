// LayerNorm and RmsNorm over the last axis, with learned gain (and bias).
//
//   LayerNorm ln(parameters, {.name = "h.0.ln_1", .width = 768});
//   Tensor y = ln.Forward(x);  // x [..., 768] -> the same
#ifndef STRATA_FRAMEWORK_NN_NORMALIZATION_H_
#define STRATA_FRAMEWORK_NN_NORMALIZATION_H_

#include "framework/nn/module.h"
#include "framework/nn/parameters.h"

namespace strata::framework {

struct NormOptions {
  std::string name;  // parameters "<name>.weight", and "<name>.bias" of LayerNorm
  int64_t width = 0;
  double epsilon = 1e-5;
};

struct LayerNorm {
  LayerNorm(ParameterSet& parameters, const NormOptions& options);
  Tensor Forward(const Tensor& x, const Location& location = Location::current()) const;

  NormOptions options;
  Tensor weight;
  Tensor bias;
};

struct RmsNorm {
  RmsNorm(ParameterSet& parameters, const NormOptions& options);
  Tensor Forward(const Tensor& x, const Location& location = Location::current()) const;

  NormOptions options;
  Tensor weight;
};

}  // namespace strata::framework

#endif  // STRATA_FRAMEWORK_NN_NORMALIZATION_H_
