#include "framework/vision/lenet.h"

#include <cmath>

#include "framework/nn/conv2d.h"
#include "framework/nn/linear.h"

namespace strata::framework {
namespace {

struct ConvRow {
  const char* name;
  int64_t out, padding;
};
constexpr ConvRow kConvs[] = {{"conv1", 6, 2}, {"conv2", 16, 0}};

struct LinearRow {
  const char* name;
  int64_t out;
};
constexpr LinearRow kLinears[] = {{"fc1", 120}, {"fc2", 84}};

Tensor Connected(ParameterSet& parameters, const std::string& name, const Tensor& x, int64_t out) {
  const int64_t in = x.dim(-1).size();
  const Init he = Init::Normal(std::sqrt(2.0 / static_cast<double>(std::max<int64_t>(in, 1))));
  return Linear(parameters, {.name = name, .in = in, .out = out, .init = he}).Forward(x);
}

}  // namespace

Tensor LeNet5(ParameterSet& parameters, const Tensor& image, int64_t classes) {
  Tensor x = image;
  for (const ConvRow& row : kConvs) {
    const Conv2d conv(parameters, {.name = row.name,
                                   .in = x.dim(3).size(),
                                   .out = row.out,
                                   .kernel = 5,
                                   .padding = row.padding});
    x = MaxPool2d(Relu(conv.Forward(x)));
  }
  x = Reshape(x, {x.dim(0), x.dim(1).size() * x.dim(2).size() * x.dim(3).size()});
  for (const LinearRow& row : kLinears) x = Relu(Connected(parameters, row.name, x, row.out));
  return Connected(parameters, "fc3", x, classes);
}

absl::StatusOr<VisionModel> BuildLeNet5(const VisionOptions& options) {
  return BuildVisionModel("lenet5", options, [&](ParameterSet& parameters, const Tensor& image) {
    return LeNet5(parameters, image, options.classes);
  });
}

}  // namespace strata::framework
