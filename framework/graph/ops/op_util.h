// What op definitions share: schema checks and the usual shapes of inference, reference kernel and
// gradient.
#ifndef STRATA_FRAMEWORK_GRAPH_OPS_OP_UTIL_H_
#define STRATA_FRAMEWORK_GRAPH_OPS_OP_UTIL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "framework/graph/builder.h"
#include "framework/graph/op_def.h"

namespace strata::graph {

using TypesOr = absl::StatusOr<std::vector<TensorType>>;
using ValuesOr = absl::StatusOr<std::vector<ValueId>>;

// INVALID_ARGUMENT "inputs[i]: is f32[2], must be ..." unless the check holds.
absl::Status InputFault(const OpCall& call, size_t i, absl::string_view must_be);
absl::Status CheckFloat(const OpCall& call, size_t i);
absl::Status CheckNumber(const OpCall& call, size_t i);  // any dtype but bool
absl::Status CheckDType(const OpCall& call, size_t i, DType dtype);
// While sums of that many products of two i8 fit an i32, whatever the operands: below 2^31 / 2^14.
absl::Status CheckInt8Terms(double terms);
absl::Status CheckSameDType(const OpCall& call, size_t i, size_t j);
absl::Status CheckRank(const OpCall& call, size_t i, int64_t rank);
absl::Status CheckShape(const OpCall& call, size_t i, const Shape& shape);

// The type of input 0, which must be of a float dtype: the inference of most unary ops.
TypesOr InferSameFloat(const OpCall& call);

// The broadcast shape of inputs [first, count).
absl::StatusOr<Shape> BroadcastInputs(const OpCall& call, size_t first);

// The attribute `axis` as an index into a shape of rank `rank`, and `axes` as a sorted list without
// repetition.
absl::StatusOr<size_t> AxisOf(const OpCall& call, int64_t rank);
absl::StatusOr<std::vector<size_t>> AxesOf(const OpCall& call, int64_t rank);

// The attribute `dims`, all of them sizes >= 0 or symbols.
absl::StatusOr<Shape> DimsOf(const OpCall& call);

// a + b of sizes >= 0; INVALID_ARGUMENT when the sum does not fit.
absl::StatusOr<int64_t> AddSizes(int64_t a, int64_t b);

// Sums what broadcasting stretched, so that the gradient has the shape of the operand. No node when
// nothing was.
ValueId SumTo(Builder& b, ValueId value, const Shape& shape);

// value as dims; no node when it has them already.
ValueId Reshape(Builder& b, ValueId value, const Shape& shape);
ValueId BroadcastTo(Builder& b, ValueId value, const Shape& shape);

// The number of elements of `shape`, as a scalar of dtype; symbols are counted when the graph runs.
ValueId ElementCount(Builder& b, const Shape& shape, DType dtype);

// Elements of all outputs, of input i: the usual terms of a flop count.
double OutputElements(const OpCall& call);
double InputElements(const OpCall& call, size_t i);

}  // namespace strata::graph

#endif  // STRATA_FRAMEWORK_GRAPH_OPS_OP_UTIL_H_
