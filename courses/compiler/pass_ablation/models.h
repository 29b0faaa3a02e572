// Two training steps for the lab, written the way model code without a compiler in mind writes them.
#ifndef STRATA_COURSES_COMPILER_PASS_ABLATION_MODELS_H_
#define STRATA_COURSES_COMPILER_PASS_ABLATION_MODELS_H_

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/host_tensor.h"

namespace strata::courses {

// A classifier of images with two 3x3 convolutions, kept [B, C, H, W] as image libraries do. The graph has no op for a
// convolution: each is written out as patches (pad, nine slices, concat) times weights, over channels last, with a
// transpose before and after. Gradient descent.
struct CnnSizes {
  int64_t batch = 8, image = 16, channels = 16, classes = 10;
};
absl::StatusOr<graph::Graph> CnnTrainingStep(const CnnSizes& sizes);

// A GPT whose attention is written out: heads transposed apart, scores, mask from iota, softmax, mix. AdamW, clipped.
struct GptSizes {
  int64_t batch = 2, tokens = 128, vocabulary = 512, width = 128, heads = 4, layers = 2;
};
absl::StatusOr<graph::Graph> GptTrainingStep(const GptSizes& sizes);

// Floats of PARAMETER inputs near 0.02 in size, gains 1, other floats in [0, 1), integers below `classes`; the same
// every time.
std::vector<graph::HostTensor> MakeInputs(const graph::Graph& graph, int64_t classes);

}  // namespace strata::courses

#endif  // STRATA_COURSES_COMPILER_PASS_ABLATION_MODELS_H_
