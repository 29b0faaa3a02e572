#include "framework/vision/resnet.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "framework/nn/conv2d.h"
#include "framework/nn/linear.h"

namespace strata::framework {
namespace {

constexpr int kBlocks = 2;  // a stage
struct Stage {
  const char* name;
  int64_t channels, stride;  // of the first block
};
constexpr Stage kStages[] = {
    {"layer1", 64, 1}, {"layer2", 128, 2}, {"layer3", 256, 2}, {"layer4", 512, 2}};

// relu(conv2(relu(conv1(x))) + x). The branch starts at half the usual deviation, so that the sum with x does not grow
// from block to block, as normalisation would see to it.
Tensor Block(ParameterSet& parameters, const std::string& name, const Tensor& x, int64_t out,
             int64_t stride) {
  const int64_t in = x.dim(3).size();
  const Conv2d conv1(parameters, {.name = name + ".conv1", .in = in, .out = out, .stride = stride});
  const Conv2d conv2(parameters, {.name = name + ".conv2", .in = out, .out = out, .gain = 0.5});
  const Tensor branch = conv2.Forward(Relu(conv1.Forward(x)));
  if (stride == 1 && in == out) return Relu(branch + x);
  const Conv2d downsample(parameters, {.name = name + ".downsample",
                                       .in = in,
                                       .out = out,
                                       .kernel = 1,
                                       .stride = stride,
                                       .padding = 0,
                                       .gain = 1});
  return Relu(branch + downsample.Forward(x));
}

}  // namespace

Tensor ResNet18(ParameterSet& parameters, const Tensor& image, int64_t classes) {
  const Conv2d stem(parameters, {.name = "conv1",
                                 .in = image.dim(3).size(),
                                 .out = 64,
                                 .kernel = 7,
                                 .stride = 2,
                                 .padding = 3});
  Tensor x = MaxPool2d(Relu(stem.Forward(image)), {.window = 3, .stride = 2, .padding = 1});
  for (const Stage& stage : kStages) {
    for (int block = 0; block < kBlocks; ++block) {
      x = Block(parameters, absl::StrCat(stage.name, ".", block), x, stage.channels,
                block == 0 ? stage.stride : 1);
    }
  }
  const int64_t width = x.dim(3).size();
  const Linear fc(parameters, {.name = "fc",
                               .in = width,
                               .out = classes,
                               .init = Init::Normal(1 / std::sqrt(static_cast<double>(width)))});
  return fc.Forward(Mean(x, {1, 2}));
}

absl::StatusOr<VisionModel> BuildResNet18(const VisionOptions& options) {
  return BuildVisionModel("resnet18", options, [&](ParameterSet& parameters, const Tensor& image) {
    return ResNet18(parameters, image, options.classes);
  });
}

}  // namespace strata::framework
