// What the ops on packed weights share (matmul_packed, matmul_experts, embedding_packed): their attributes and the
// reference's way to read weights and to round x.
#ifndef STRATA_FRAMEWORK_GRAPH_OPS_PACKED_WEIGHTS_H_
#define STRATA_FRAMEWORK_GRAPH_OPS_PACKED_WEIGHTS_H_

#include <cstdint>
#include <vector>

#include "chips/numerics/weight_format.h"
#include "framework/graph/op_def.h"

namespace strata::graph {

// The attributes "format", "layout" and "n", which matmul_packed and matmul_experts have.
std::vector<AttrSpec> PackedAttributes();

// A matrix of N rows of K weights, as bytes.
struct PackedWeights {
  const chips::WeightFormat* format;
  bool rows16;  // layout "rows16" (chips/numerics/packed_rows.h), or "rows": one row after another
  int64_t N;
  int64_t K;

  // Of the bytes: [N, row] or [groups, group].
  Shape Dims() const;
  // Row n as fp32.
  void Row(const uint8_t* bytes, int64_t n, float* values) const;
};

// K is the last dim of x, which must be a size. INVALID_ARGUMENT names the attribute or operand at fault.
absl::StatusOr<PackedWeights> PackedWeightsOf(const OpCall& call);

// A row of x rounded as products with `format` round it.
std::vector<double> RoundedRow(const chips::WeightFormat& format, const float* x, int64_t K);

// The last dim of x as a number of weights of `format`.
absl::StatusOr<int64_t> CheckWeightCount(const chips::WeightFormat& format, const Size& K);

}  // namespace strata::graph

#endif  // STRATA_FRAMEWORK_GRAPH_OPS_PACKED_WEIGHTS_H_
