#include "framework/nn/conv2d.h"

#include <cmath>

namespace strata::framework {
namespace {

graph::Attributes Sliding(int64_t stride, int64_t padding) {
  return {{"strides", graph::Attr(std::vector<int64_t>(2, stride))},
          {"padding", graph::Attr(std::vector<int64_t>(4, padding))}};
}

}  // namespace

Conv2d::Conv2d(ParameterSet& parameters, const Conv2dOptions& o) : options(o) {
  const int64_t in =
      o.groups > 0 ? o.in / o.groups : 0;  // conv2d itself refuses what does not divide
  const double terms = static_cast<double>(o.kernel * o.kernel * in);
  weight = parameters.Create(JoinName(o.name, "weight"), {o.kernel, o.kernel, in, o.out},
                             Init::Normal(terms > 0 ? o.gain / std::sqrt(terms) : 0));
  if (o.bias) bias = parameters.Create(JoinName(o.name, "bias"), {o.out}, Init::Zeros());
}

Tensor Conv2d::Forward(const Tensor& x, const Location& location) const {
  ModuleScope scope(*weight.builder(), options.name, location);
  graph::Attributes attributes = Sliding(options.stride, options.padding);
  attributes["groups"] = graph::Attr(options.groups);
  const Tensor y = Apply("conv2d", {x, weight}, attributes);
  return options.bias ? y + bias : y;
}

Tensor MaxPool2d(const Tensor& x, const PoolOptions& options) {
  graph::Attributes attributes = Sliding(options.stride, options.padding);
  attributes["window"] = graph::Attr(std::vector<int64_t>(2, options.window));
  return Apply("max_pool2d", {x}, attributes);
}

}  // namespace strata::framework
