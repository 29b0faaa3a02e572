#include "framework/vision/vision_model.h"

#include <cmath>
#include <numbers>
#include <utility>

#include "framework/graph/builder.h"

namespace strata::framework {

absl::StatusOr<VisionModel> BuildVisionModel(const std::string& name, const VisionOptions& options,
                                             const VisionForward& forward) {
  graph::Builder b(name);
  ParameterSet parameters(b, chips::F32);
  const Tensor image = Input(
      b, "image", {chips::F32, {options.batch, options.height, options.width, options.channels}},
      graph::DATA);
  const Tensor logits = forward(parameters, image);
  b.Output(logits.id(), "logits", graph::SHARDED);
  VisionModel model;
  STRATA_ASSIGN_OR_RETURN(model.graph, std::move(b).Build());
  model.parameters = parameters.specs();
  return model;
}

std::vector<graph::HostTensor> MadeWeights(const VisionModel& model, uint64_t seed) {
  std::vector<graph::HostTensor> weights;
  for (const ParameterSpec& spec : model.parameters) weights.push_back(InitParameter(spec, seed));
  return weights;
}

graph::HostTensor MadeImages(int64_t batch, int64_t height, int64_t width, int64_t channels,
                             uint64_t seed) {
  const ParameterSpec noise{
      "image", {batch, height, width, channels}, chips::F32, Init::Normal(0.25)};
  graph::HostTensor images = InitParameter(noise, seed);
  // Four numbers an image and channel: waves along H and W, and their phases.
  const graph::HostTensor waves =
      InitParameter({"waves", {batch, channels, 4}, chips::F32, Init::Normal(2.0)}, seed);
  float* pixel = images.data<float>();
  for (int64_t n = 0; n < batch; ++n) {
    for (int64_t h = 0; h < height; ++h) {
      for (int64_t w = 0; w < width; ++w) {
        for (int64_t c = 0; c < channels; ++c) {
          const float* wave = waves.data<float>() + (n * channels + c) * 4;
          const double down = static_cast<double>(h) / static_cast<double>(height);
          const double right = static_cast<double>(w) / static_cast<double>(width);
          *pixel++ += static_cast<float>(std::sin(std::numbers::pi * wave[0] * down + wave[2]) +
                                         std::cos(std::numbers::pi * wave[1] * right + wave[3]));
        }
      }
    }
  }
  return images;
}

}  // namespace strata::framework
