// The two feed-forward blocks of decoders.
//   Mlp:      y = gelu(x W1 + b1) W2 + b2                (GPT-2)
//   GatedMlp: y = (silu(x Wgate) * (x Wup)) Wdown        (Llama)
#ifndef STRATA_FRAMEWORK_NN_MLP_H_
#define STRATA_FRAMEWORK_NN_MLP_H_

#include "framework/nn/linear.h"

namespace strata::framework {

struct MlpOptions {
  std::string name;
  int64_t width = 0;
  int64_t hidden = 0;
  bool bias = true;
  bool transposed_weight = false;
  bool approximate = true;  // the tanh form of gelu
  std::string up_name = "c_fc";
  std::string down_name = "c_proj";
  Init init = Init::Normal(0.02);
  Init down_init = Init::Normal(0.02);  // GPT-2: 0.02 / sqrt(2 · layers)
};

struct Mlp {
  Mlp(ParameterSet& parameters, const MlpOptions& options);
  Tensor Forward(const Tensor& x, const Location& location = Location::current()) const;

  MlpOptions options;
  Linear up;
  Linear down;
};

struct GatedMlpOptions {
  std::string name;
  int64_t width = 0;
  int64_t hidden = 0;
  bool bias = false;
  bool transposed_weight = true;
  std::string gate_name = "gate_proj";
  std::string up_name = "up_proj";
  std::string down_name = "down_proj";
  Init init = Init::Normal(0.02);
  Init down_init = Init::Normal(0.02);
};

struct GatedMlp {
  GatedMlp(ParameterSet& parameters, const GatedMlpOptions& options);
  Tensor Forward(const Tensor& x, const Location& location = Location::current()) const;

  GatedMlpOptions options;
  Linear gate;
  Linear up;
  Linear down;
};

}  // namespace strata::framework

#endif  // STRATA_FRAMEWORK_NN_MLP_H_
