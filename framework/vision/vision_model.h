// VisionModel: a classifier of images as a Graph, and what its parameters start as.
//
//   STRATA_ASSIGN_OR_RETURN(VisionModel model, BuildResNet18({.batch = "N", .height = 64, .width = 64}));
//   std::vector<graph::HostTensor> inputs = {image};           // f32 [N, height, width, channels]
//   for (const graph::HostTensor& w : MadeWeights(model, /*seed=*/1)) inputs.push_back(w);
//   interpreter.Evaluate(model.graph, inputs);                 // logits [N, classes]
//
// The graph has the input "image" (DATA), the parameters in order, and the output "logits". Batch normalisation is taken
// as folded into the convolutions (framework/nn/batch_norm.h).
#ifndef STRATA_FRAMEWORK_VISION_VISION_MODEL_H_
#define STRATA_FRAMEWORK_VISION_VISION_MODEL_H_

#include <functional>
#include <string>
#include <vector>

#include "base/status.h"
#include "framework/graph/graph.pb.h"
#include "framework/nn/parameters.h"

namespace strata::framework {

struct VisionOptions {
  graph::Size batch = 1;  // or a symbol
  int64_t height = 224;
  int64_t width = 224;
  int64_t channels = 3;
  int64_t classes = 1000;
};

struct VisionModel {
  graph::Graph graph;
  std::vector<ParameterSpec> parameters;  // the graph's inputs after "image", in order
};

// Makes the graph of what `forward` makes of an image: its logits.
using VisionForward = std::function<Tensor(ParameterSet& parameters, const Tensor& image)>;
absl::StatusOr<VisionModel> BuildVisionModel(const std::string& name, const VisionOptions& options,
                                             const VisionForward& forward);

// Initial values of all parameters, from the seed alone.
std::vector<graph::HostTensor> MadeWeights(const VisionModel& model, uint64_t seed);

// An image batch that looks a little like one: smooth waves and noise, about [-2, 2], from the seed alone. f32 [batch,
// height, width, channels].
graph::HostTensor MadeImages(int64_t batch, int64_t height, int64_t width, int64_t channels,
                             uint64_t seed);

}  // namespace strata::framework

#endif  // STRATA_FRAMEWORK_VISION_VISION_MODEL_H_
