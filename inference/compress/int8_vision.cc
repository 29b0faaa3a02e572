#include "inference/compress/int8_vision.h"

#include "framework/graph/interpreter.h"
#include "framework/graph/types.h"
#include "framework/vision/lenet.h"
#include "framework/vision/mobilenet.h"
#include "framework/vision/resnet.h"

namespace strata::inference {
namespace {

constexpr uint64_t kWeightSeed = 1, kImageSeed = 2;

}  // namespace

absl::StatusOr<Int8Graph> MakeInt8(const framework::VisionModel& model) {
  NamedTensors weights;
  const std::vector<graph::HostTensor> made = framework::MadeWeights(model, kWeightSeed);
  for (size_t i = 0; i < made.size(); ++i) weights[model.parameters[i].name] = made[i];
  const graph::TensorType image =
      TypeOf(model.graph.values(static_cast<int>(model.graph.inputs(0).value())));
  const int64_t batch = image.shape[0].is_symbol() ? 2 : image.shape[0].size();
  const std::vector<graph::HostTensor> images = {framework::MadeImages(
      batch, image.shape[1].size(), image.shape[2].size(), image.shape[3].size(), kImageSeed)};
  graph::Interpreter interpreter;
  return QuantizePostTraining(model.graph, weights, {images}, {}, interpreter);
}

absl::StatusOr<Int8Graph> MakeInt8LeNet5(int64_t batch, int64_t height, int64_t width) {
  STRATA_ASSIGN_OR_RETURN(
      const framework::VisionModel model,
      framework::BuildLeNet5(
          {.batch = batch, .height = height, .width = width, .channels = 1, .classes = 10}));
  return MakeInt8(model);
}

absl::StatusOr<Int8Graph> MakeInt8ResNet18(int64_t batch, int64_t height, int64_t width,
                                           int64_t classes) {
  STRATA_ASSIGN_OR_RETURN(
      const framework::VisionModel model,
      framework::BuildResNet18(
          {.batch = batch, .height = height, .width = width, .classes = classes}));
  return MakeInt8(model);
}

absl::StatusOr<Int8Graph> MakeInt8MobileNetV1(int64_t batch, int64_t height, int64_t width,
                                              double multiplier, int64_t classes) {
  STRATA_ASSIGN_OR_RETURN(
      const framework::VisionModel model,
      framework::BuildMobileNetV1(
          {.batch = batch, .height = height, .width = width, .classes = classes}, multiplier));
  return MakeInt8(model);
}

}  // namespace strata::inference
