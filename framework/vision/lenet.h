// LeNet-5: LeCun et al. 1998, "Gradient-based learning applied to document recognition", figure 2, with relus and maxima
// in place of tanh and averages, as is usual today.
//
//   BuildLeNet5({.height = 28, .width = 28, .channels = 1, .classes = 10})
//
// | layer | makes, of a 28 x 28 image |
// | conv1 5 x 5, padding 2 -> relu -> pool 2 x 2 | 14 x 14 x 6  |
// | conv2 5 x 5            -> relu -> pool 2 x 2 | 5 x 5 x 16   |
// | fc1 (the paper's C5) -> relu                 | 120          |
// | fc2 -> relu                                  | 84           |
// | fc3                                          | classes      |
#ifndef STRATA_FRAMEWORK_VISION_LENET_H_
#define STRATA_FRAMEWORK_VISION_LENET_H_

#include "framework/vision/vision_model.h"

namespace strata::framework {

// The logits of image [N, H, W, C]; H and W are at least 12.
Tensor LeNet5(ParameterSet& parameters, const Tensor& image, int64_t classes);

absl::StatusOr<VisionModel> BuildLeNet5(const VisionOptions& options);

}  // namespace strata::framework

#endif  // STRATA_FRAMEWORK_VISION_LENET_H_
