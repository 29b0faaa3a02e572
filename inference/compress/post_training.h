// Post-training quantisation: an f32 Graph and sample data -> a Graph whose convolutions, matrix products, residual sums,
// pools and means are integer arithmetic. Jacob et al. 2018 (arXiv:1712.05877), section 2; Krishnamoorthi 2018
// (arXiv:1806.08342), section 3.
//
//   STRATA_ASSIGN_OR_RETURN(Int8Graph int8, QuantizePostTraining(model.graph, weights, {{images}}, {}, interpreter));
//   STRATA_ASSIGN_OR_RETURN(auto inputs, BindInputs(int8.graph, {image}, int8.weights));
//   interpreter.Evaluate(int8.graph, inputs);
//
// Scheme: all symmetric, x ~ q · scale.
//   weights      i8 of [-127, 127], a scale an output channel: max |w| / 127
//   activations  i8, a scale a tensor: range / 127, no zero point. With one, the padding of a convolution would not be
//                zeros, and conv2d pads with zeros: only so are its integer sums exact at the borders.
//   biases       i32 in the units of the sums (the activation's scale times the weight's)
//   sums         i32, exact; requantize brings them to the result's scale by a 31-bit multiplier and a shift a channel;
//                a relu is its `low` = 0
//   a + b        each brought to a common fine scale by an integer factor, added in i32, requantized
//   mean         summed in i32; the division is part of requantize
// The first operand is quantised from f32 by rounding half up; a product that nobody wants in 8 bits (the logits) leaves
// as f32 from its i32 sums. Ops that integers cannot do stay in f32, between conversions.
#ifndef STRATA_INFERENCE_COMPRESS_POST_TRAINING_H_
#define STRATA_INFERENCE_COMPRESS_POST_TRAINING_H_

#include <string>
#include <vector>

#include "inference/compress/calibration.h"

namespace strata::inference {

struct Int8Layer {
  std::string name;  // of its weight, or of its result
  std::string op;    // conv2d, matmul, add, reduce_mean
  double input_scale = 0;
  double output_scale = 0;  // 0: leaves as f32
};

struct Int8Graph {
  graph::Graph graph;  // the DATA inputs and outputs of the f32 graph, in its order
  NamedTensors
      weights;  // by parameter: "<layer>.int8", ".bias.i32", ".multiplier", ".shift", ".scale", and what stays f32
  std::vector<Int8Layer> layers;      // in the order of the graph
  std::vector<std::string> kept_f32;  // ops that stay in f32, in order: "softmax %y"
};

// INVALID_ARGUMENT for a graph that updates its inputs, a weight that is not finite or not of its parameter's shape, and
// what CalibrateRanges and BindInputs refuse. Symbolic dims stay; `batches` give them sizes for the calibration.
absl::StatusOr<Int8Graph> QuantizePostTraining(
    const graph::Graph& graph, const NamedTensors& weights,
    absl::Span<const std::vector<graph::HostTensor>> batches, const CalibrationOptions& options,
    graph::Evaluator& evaluator);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_COMPRESS_POST_TRAINING_H_
