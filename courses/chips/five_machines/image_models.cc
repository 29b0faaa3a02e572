// int8 networks for images, as inference/compress makes them.
#include <utility>

#include "absl/strings/str_cat.h"
#include "courses/chips/five_machines/models.h"
#include "framework/vision/vision_model.h"
#include "inference/compress/int8_vision.h"

namespace strata::courses {
namespace {

constexpr uint64_t kImageSeed = 7;

absl::StatusOr<LabModel> WithImage(std::string name, const inference::Int8Graph& int8,
                                   graph::HostTensor image) {
  LabModel model;
  model.name = std::move(name);
  model.graph = int8.graph;
  for (const auto& [parameter, tensor] : int8.weights) {
    model.weight_bytes += static_cast<int64_t>(tensor.size_bytes());
  }
  STRATA_ASSIGN_OR_RETURN(model.inputs,
                          inference::BindInputs(int8.graph, {std::move(image)}, int8.weights));
  return model;
}

}  // namespace

absl::StatusOr<LabModel> Int8LeNet() {
  STRATA_ASSIGN_OR_RETURN(const inference::Int8Graph int8, inference::MakeInt8LeNet5(1));
  return WithImage("LeNet-5 int8", int8, framework::MadeImages(1, 28, 28, 1, kImageSeed));
}

absl::StatusOr<LabModel> Int8ResNet18(int64_t side) {
  STRATA_ASSIGN_OR_RETURN(const inference::Int8Graph int8,
                          inference::MakeInt8ResNet18(1, side, side));
  return WithImage(absl::StrCat("ResNet-18 int8, ", side, " x ", side), int8,
                   framework::MadeImages(1, side, side, 3, kImageSeed));
}

}  // namespace strata::courses
