// The integers that a quantised layer works with.
//
//   STRATA_ASSIGN_OR_RETURN(LayerWeights layer, QuantizeLayer(weight, /*channel_axis=*/3, bias, input_scale));
//   STRATA_ASSIGN_OR_RETURN(Requantizer r, RequantizerOf(layer.sum_scales, 1 / output_scale));
#ifndef STRATA_INFERENCE_COMPRESS_LAYER_WEIGHTS_H_
#define STRATA_INFERENCE_COMPRESS_LAYER_WEIGHTS_H_

#include <vector>

#include "base/status.h"
#include "framework/graph/host_tensor.h"

namespace strata::inference {

struct LayerWeights {
  graph::HostTensor weight;        // i8, the shape of the f32 weight
  graph::HostTensor bias;          // i32 [O]; no storage when the layer has none
  std::vector<double> sum_scales;  // [O]: what one unit of channel o's i32 sum stands for
};

// `weight` f32, its channels along `channel_axis`; `bias` f32 [O], or a tensor without storage. A channel's scale is max
// |w| / 127, larger where its bias would else exceed 2^29 units, and 1 / 127 for a channel of zeros. INVALID_ARGUMENT for
// what is not finite.
absl::StatusOr<LayerWeights> QuantizeLayer(const graph::HostTensor& weight, int channel_axis,
                                           const graph::HostTensor& bias, double input_scale);

// The operands of requantize: [C] multipliers and shifts of scales[c] * factor.
struct Requantizer {
  graph::HostTensor multiplier, shift;  // i32 [C]
};
absl::StatusOr<Requantizer> RequantizerOf(const std::vector<double>& scales, double factor);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_COMPRESS_LAYER_WEIGHTS_H_
