// Whole training steps as graphs, for the compiler's tests and benchmarks.
#ifndef STRATA_COMPILER_DRIVER_TEST_MODELS_H_
#define STRATA_COMPILER_DRIVER_TEST_MODELS_H_

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/host_tensor.h"

namespace strata::compiler {

// GPT-2's architecture: learned positions, pre-norm blocks, tied output weights. The default is small; GPT-2 124M is
// {4, 256, 50257, 768, 12, 12}.
struct GptSizes {
  int64_t batch = 2, tokens = 16, vocabulary = 61, width = 32, heads = 4, layers = 2;
  double clip_norm = 0;   // of all gradients together; 0: no clipping
  double loss_scale = 0;  // first factor of dynamic loss scaling; 0: none
};

// Loss, gradients and AdamW; parameters and moments are updated in place. Outputs: the loss first.
absl::StatusOr<graph::Graph> GptTrainingStep(const GptSizes& sizes);

// A classifier of two layers with plain gradient descent.
absl::StatusOr<graph::Graph> MlpTrainingStep(int64_t batch, int64_t width);

// Inputs that fit a concrete graph: floats of PARAMETER inputs near 0.02 in size (gains 1 where the name ends in
// "gamma"), other floats small and not negative, integers of [0, 7), the scalars "lr" 1e-3 and "step" 1.
std::vector<graph::HostTensor> MakeInputs(const graph::Graph& graph);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_DRIVER_TEST_MODELS_H_
