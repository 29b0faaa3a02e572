// Conv2d: y = x * W + b over images [N, H, W, C], and MaxPool2d.
//
//   Conv2d stem(parameters, {.name = "conv1", .in = 3, .out = 64, .kernel = 7, .stride = 2, .padding = 3});
//   Tensor y = MaxPool2d(Relu(stem.Forward(x)), {.window = 3, .stride = 2, .padding = 1});
//
// x [N, H, W, in] -> [N, (H + 2 padding - kernel) / stride + 1, ..., out]; N may be a symbol.
#ifndef STRATA_FRAMEWORK_NN_CONV2D_H_
#define STRATA_FRAMEWORK_NN_CONV2D_H_

#include "framework/nn/module.h"
#include "framework/nn/parameters.h"

namespace strata::framework {

struct Conv2dOptions {
  std::string
      name;  // parameters "<name>.weight" [kernel, kernel, in / groups, out] and "<name>.bias" [out]
  int64_t in = 0;
  int64_t out = 0;
  int64_t kernel = 3;
  int64_t stride = 1;
  int64_t padding = 1;  // on all four sides
  int64_t groups = 1;   // in: depthwise
  bool bias = true;
  // Of the weight: its standard deviation is gain / sqrt(kernel^2 in / groups). sqrt(2) keeps the size of what passes
  // relus: He et al. 2015 (arXiv:1502.01852), equation 10.
  double gain = 1.4142135623730951;
};

struct Conv2d {
  Conv2d(ParameterSet& parameters, const Conv2dOptions& options);
  Tensor Forward(const Tensor& x, const Location& location = Location::current()) const;

  Conv2dOptions options;
  Tensor weight;
  Tensor bias;  // not valid without one
};

struct PoolOptions {
  int64_t window = 2;
  int64_t stride = 2;
  int64_t padding = 0;  // on all four sides; smaller than the window
};

Tensor MaxPool2d(const Tensor& x, const PoolOptions& options = {});

}  // namespace strata::framework

#endif  // STRATA_FRAMEWORK_NN_CONV2D_H_
