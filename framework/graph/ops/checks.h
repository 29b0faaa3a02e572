// Checks that type inference of composite ops shares. Messages name the operand, what it is and
// what it must be:
//
//   STRATA_RETURN_IF_ERROR(CheckRank(call.inputs[0], "q", "[B, T, H, D]", 4));
//   -> "q: is f32[2, 3]; must be [B, T, H, D]"
#ifndef STRATA_FRAMEWORK_GRAPH_OPS_CHECKS_H_
#define STRATA_FRAMEWORK_GRAPH_OPS_CHECKS_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "framework/graph/types.h"

namespace strata::graph {

absl::Status CheckFloat(const TensorType& type, absl::string_view name);
absl::Status CheckDType(const TensorType& type, absl::string_view name, DType dtype);
// `form` is how the shape reads in the documentation: "[B, T, H, D]".
absl::Status CheckRank(const TensorType& type, absl::string_view name, absl::string_view form,
                       int64_t rank);
absl::Status CheckMinRank(const TensorType& type, absl::string_view name, absl::string_view form,
                          int64_t rank);
// The shape must be exactly `expected` (the same numbers, the same symbols).
absl::Status CheckShape(const TensorType& type, absl::string_view name, const Shape& expected);

// The dtype that sums and statistics over `dtype` are held in: f32 for the 16-bit floats.
DType StatisticsType(DType dtype);

// A shape without its last dim, or with another last dim.
Shape LeadingDims(const Shape& shape);
Shape WithLastDim(Shape shape, const Size& size);

}  // namespace strata::graph

#endif  // STRATA_FRAMEWORK_GRAPH_OPS_CHECKS_H_
