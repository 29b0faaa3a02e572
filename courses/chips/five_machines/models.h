// The models that the lab runs: int8 networks as the library quantises them, and a GPT block with bf16 products, with
// inputs.
#ifndef STRATA_COURSES_CHIPS_FIVE_MACHINES_MODELS_H_
#define STRATA_COURSES_CHIPS_FIVE_MACHINES_MODELS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "framework/graph/graph.pb.h"
#include "framework/graph/host_tensor.h"

namespace strata::courses {

struct LabModel {
  std::string name;
  chips::DType products =
      chips::I8;  // dtype of the operands of its matrix products: I8, or BF16 of a graph in f32
  graph::Graph graph;  // all sizes known
  std::vector<graph::HostTensor> inputs;
  int64_t weight_bytes = 0;  // as the graph has them
};

// LeNet-5 on an image of 28 x 28, int8.
absl::StatusOr<LabModel> Int8LeNet();

// ResNet-18 on an image of `side` x `side`, int8.
absl::StatusOr<LabModel> Int8ResNet18(int64_t side);

// A block of GPT-2's kind (256 channels, 4 heads, a vocabulary of 256): `tokens` new tokens, 1 for decode behind a full
// cache of 64, or up to 64 for prefill. Seeded weights.
absl::StatusOr<LabModel> Bf16GptBlock(int64_t tokens);

}  // namespace strata::courses

#endif  // STRATA_COURSES_CHIPS_FIVE_MACHINES_MODELS_H_
