// Linear: y = x W + b, the weight stored as [in, out], or as [out, in] as most model files have it.
//
//   Linear fc(parameters, {.name = "h.0.mlp.c_fc", .in = 768, .out = 3072});
//   Tensor y = fc.Forward(x);  // x [..., 768] -> [..., 3072]
#ifndef STRATA_FRAMEWORK_NN_LINEAR_H_
#define STRATA_FRAMEWORK_NN_LINEAR_H_

#include "framework/nn/module.h"
#include "framework/nn/parameters.h"

namespace strata::framework {

struct LinearOptions {
  std::string name;  // parameters "<name>.weight" and "<name>.bias"
  int64_t in = 0;
  int64_t out = 0;
  bool bias = true;
  // Weight [out, in] (Llama, torch.nn.Linear) instead of [in, out] (GPT-2's Conv1D).
  bool transposed_weight = false;
  Init init = Init::Normal(0.02);  // of the weight; the bias starts at 0
};

struct Linear {
  Linear(ParameterSet& parameters, const LinearOptions& options);
  Tensor Forward(const Tensor& x, const Location& location = Location::current()) const;

  LinearOptions options;
  Tensor weight;
  Tensor bias;  // not valid without one
};

}  // namespace strata::framework

#endif  // STRATA_FRAMEWORK_NN_LINEAR_H_
