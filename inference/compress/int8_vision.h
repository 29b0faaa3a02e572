// The vision models in int8 with made weights, calibrated on made images: what devices for integers are tried with.
//
//   STRATA_ASSIGN_OR_RETURN(Int8Graph model, MakeInt8ResNet18(/*batch=*/1, /*height=*/64, /*width=*/64));
//   const graph::HostTensor image = framework::MadeImages(1, 64, 64, 3, /*seed=*/7);
//   STRATA_ASSIGN_OR_RETURN(auto inputs, BindInputs(model.graph, {image}, model.weights));
//   interpreter.Evaluate(model.graph, inputs);   // f32 logits [batch, classes]
//
// Everything follows from the arguments: the same graph and weights on every machine.
#ifndef STRATA_INFERENCE_COMPRESS_INT8_VISION_H_
#define STRATA_INFERENCE_COMPRESS_INT8_VISION_H_

#include "framework/vision/vision_model.h"
#include "inference/compress/post_training.h"

namespace strata::inference {

// f32 [batch, height, width, 1] -> logits [batch, 10].
absl::StatusOr<Int8Graph> MakeInt8LeNet5(int64_t batch, int64_t height = 28, int64_t width = 28);

// f32 [batch, height, width, 3] -> logits [batch, classes].
absl::StatusOr<Int8Graph> MakeInt8ResNet18(int64_t batch, int64_t height, int64_t width,
                                           int64_t classes = 1000);

// `multiplier` is the width of MobileNetV1 (framework/vision/mobilenet.h).
absl::StatusOr<Int8Graph> MakeInt8MobileNetV1(int64_t batch, int64_t height, int64_t width,
                                              double multiplier = 1, int64_t classes = 1000);

// Any vision model: weights of seed 1, calibrated on one made batch of its size on the reference interpreter. A symbolic
// batch is calibrated with two images.
absl::StatusOr<Int8Graph> MakeInt8(const framework::VisionModel& model);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_COMPRESS_INT8_VISION_H_
