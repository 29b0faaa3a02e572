// MobileNetV1: Howard et al. 2017 (arXiv:1704.04861), table 1: a 3 x 3 convolution, then thirteen pairs of a 3 x 3
// depthwise and a 1 x 1 convolution, each with a relu, the mean over the image, and one matrix.
//
//   BuildMobileNetV1({.height = 128, .width = 128}, /*multiplier=*/0.25)
//
// `multiplier` is the paper's width multiplier alpha: every layer has alpha times its channels, rounded to a multiple of
// 8 and at least 8. Padding is one pixel on all sides.
#ifndef STRATA_FRAMEWORK_VISION_MOBILENET_H_
#define STRATA_FRAMEWORK_VISION_MOBILENET_H_

#include "framework/vision/vision_model.h"

namespace strata::framework {

// The logits of image [N, H, W, C].
Tensor MobileNetV1(ParameterSet& parameters, const Tensor& image, int64_t classes,
                   double multiplier);

// INVALID_ARGUMENT unless 0 < multiplier <= 8.
absl::StatusOr<VisionModel> BuildMobileNetV1(const VisionOptions& options, double multiplier = 1);

}  // namespace strata::framework

#endif  // STRATA_FRAMEWORK_VISION_MOBILENET_H_
