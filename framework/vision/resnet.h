// ResNet-18: He et al. 2016 (arXiv:1512.03385), table 1.
//
//   BuildResNet18({.batch = 8, .height = 224, .width = 224})
//
// | stage  | blocks of two 3 x 3 convolutions | channels | stride |
// | stem   | one 7 x 7, then 3 x 3 maxima     | 64       | 2, 2   |
// | layer1 | 2                                | 64       | 1      |
// | layer2 | 2                                | 128      | 2      |
// | layer3 | 2                                | 256      | 2      |
// | layer4 | 2                                | 512      | 2      |
// then the mean over the image and one matrix. A block adds its input to its output; where the size changes, through a
// 1 x 1 convolution (option B of the paper). Names are torchvision's: "layer2.0.downsample.weight".
#ifndef STRATA_FRAMEWORK_VISION_RESNET_H_
#define STRATA_FRAMEWORK_VISION_RESNET_H_

#include "framework/vision/vision_model.h"

namespace strata::framework {

// The logits of image [N, H, W, C].
Tensor ResNet18(ParameterSet& parameters, const Tensor& image, int64_t classes);

absl::StatusOr<VisionModel> BuildResNet18(const VisionOptions& options);

}  // namespace strata::framework

#endif  // STRATA_FRAMEWORK_VISION_RESNET_H_
