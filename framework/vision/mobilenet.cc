#include "framework/vision/mobilenet.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/linear.h"

namespace strata::framework {
namespace {

constexpr int64_t kStem = 32;
struct Pair {
  int64_t channels, stride;  // of the 1 x 1, of the depthwise convolution
};
constexpr Pair kPairs[] = {{64, 1},  {128, 2}, {128, 1}, {256, 2}, {256, 1},  {512, 2}, {512, 1},
                           {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1}};

int64_t Scaled(int64_t channels, double multiplier) {
  const double eighths = std::round(static_cast<double>(channels) * multiplier / 8);
  return std::max<int64_t>(8, 8 * static_cast<int64_t>(eighths));
}

}  // namespace

Tensor MobileNetV1(ParameterSet& parameters, const Tensor& image, int64_t classes,
                   double multiplier) {
  const Conv2d stem(
      parameters,
      {.name = "conv0", .in = image.dim(3).size(), .out = Scaled(kStem, multiplier), .stride = 2});
  Tensor x = Relu(stem.Forward(image));
  for (size_t i = 0; i < std::size(kPairs); ++i) {
    const int64_t in = x.dim(3).size(), out = Scaled(kPairs[i].channels, multiplier);
    const Conv2d depthwise(parameters, {.name = absl::StrCat("conv", i + 1, ".dw"),
                                        .in = in,
                                        .out = in,
                                        .stride = kPairs[i].stride,
                                        .groups = in});
    const Conv2d pointwise(parameters, {.name = absl::StrCat("conv", i + 1, ".pw"),
                                        .in = in,
                                        .out = out,
                                        .kernel = 1,
                                        .padding = 0});
    x = Relu(pointwise.Forward(Relu(depthwise.Forward(x))));
  }
  const int64_t width = x.dim(3).size();
  const Linear fc(parameters, {.name = "fc",
                               .in = width,
                               .out = classes,
                               .init = Init::Normal(1 / std::sqrt(static_cast<double>(width)))});
  return fc.Forward(Mean(x, {1, 2}));
}

absl::StatusOr<VisionModel> BuildMobileNetV1(const VisionOptions& options, double multiplier) {
  if (!(multiplier > 0 && multiplier <= 8)) {
    return absl::InvalidArgumentError(
        absl::StrCat("multiplier: is ", multiplier, "; must be above 0 and at most 8"));
  }
  return BuildVisionModel("mobilenet_v1", options,
                          [&](ParameterSet& parameters, const Tensor& image) {
                            return MobileNetV1(parameters, image, options.classes, multiplier);
                          });
}

}  // namespace strata::framework
