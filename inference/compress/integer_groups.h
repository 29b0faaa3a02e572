// Which parts of an f32 graph integer arithmetic can do: groups of nodes that become one integer computation each, and
// the values that are wanted in 8 bits.
//
// | group   | nodes                                                                  |
// | product | conv2d or matmul with a weight, then (if only it reads) + bias, then relu |
// | add     | a + b of two activations of one shape, then relu                       |
// | mean    | reduce_mean over known sizes, then relu                                |
// max_pool2d, reshape and transpose pass 8 bits through. A product is always integer; the others are where their result
// is wanted in 8 bits.
#ifndef STRATA_INFERENCE_COMPRESS_INTEGER_GROUPS_H_
#define STRATA_INFERENCE_COMPRESS_INTEGER_GROUPS_H_

#include <cstdint>
#include <vector>

#include "framework/graph/graph.pb.h"
#include "inference/compress/calibration.h"

namespace strata::inference {

struct IntegerGroup {
  enum class Kind { kProduct, kAdd, kMean };
  Kind kind = Kind::kProduct;
  int root = -1;            // node: the conv2d, matmul, add or reduce_mean
  int last = -1;            // node that makes the result
  std::vector<uint32_t> x;  // values: the activations, one, or two of an add
  bool has_bias = false;
  uint32_t bias = 0;  // value, with has_bias
  bool relu = false;
  uint32_t result = 0;   // value
  bool integer = false;  // else its nodes stay as they are
};

struct IntegerGroups {
  std::vector<IntegerGroup> groups;
  std::vector<int> group_of;  // by node: an index into groups, or -1
  std::vector<bool> wanted;   // by value: somebody reads it in 8 bits
  std::vector<bool> passes;   // by node: a max_pool2d, reshape or transpose in 8 bits
};

// `graph` is verified. Weights and biases are f32 PARAMETERs with a tensor in `weights`.
IntegerGroups FindIntegerGroups(const graph::Graph& graph, const NamedTensors& weights);

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_COMPRESS_INTEGER_GROUPS_H_
