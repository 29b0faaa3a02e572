// Emit: primitives as expressions, for gradients and decompositions of composite ops.
//
//   Emit e(builder, chips::F32);
//   ValueId centered = e.Sub(x, e.MeanLast(x));
//
// Scalars are rank-0 constants of the dtype given; they broadcast. The same expression written
// twice makes the same nodes twice, which common subexpression elimination joins: so forward and
// backward share what they both need.
#ifndef STRATA_FRAMEWORK_GRAPH_OPS_EMIT_H_
#define STRATA_FRAMEWORK_GRAPH_OPS_EMIT_H_

#include <string>

#include "framework/graph/builder.h"

namespace strata::graph {

class Emit {
 public:
  Emit(Builder& builder, DType dtype) : builder_(builder), dtype_(dtype) {}

  ValueId Unary(const std::string& op, ValueId x) { return builder_.Apply(op, {x}); }
  ValueId Add(ValueId a, ValueId b) { return builder_.Apply("add", {a, b}); }
  ValueId Sub(ValueId a, ValueId b) { return builder_.Apply("sub", {a, b}); }
  ValueId Mul(ValueId a, ValueId b) { return builder_.Apply("mul", {a, b}); }
  ValueId Div(ValueId a, ValueId b) { return builder_.Apply("div", {a, b}); }
  ValueId Add(ValueId a, double b) { return Add(a, Scalar(b)); }
  ValueId Sub(double a, ValueId b) { return Sub(Scalar(a), b); }
  ValueId Mul(ValueId a, double b) { return Mul(a, Scalar(b)); }
  ValueId Scalar(double value) { return builder_.Constant(value, dtype_); }

  ValueId Matmul(ValueId a, ValueId b, bool transpose_b) {
    return builder_.Apply("matmul", {a, b}, {{"transpose_b", Attr(transpose_b)}});
  }

  // Over the last axis, which stays with size 1.
  ValueId SumLast(ValueId x) { return ReduceLast("reduce_sum", x); }
  ValueId MaxLast(ValueId x) { return ReduceLast("reduce_max", x); }
  ValueId MeanLast(ValueId x) { return ReduceLast("reduce_mean", x); }

  ValueId SumTo(ValueId x, const Shape& dims) {
    if (builder_.type(x).shape == dims) return x;
    return builder_.Apply("sum_to", {x}, {{"dims", Attr(dims)}});
  }
  ValueId Reshape(ValueId x, const Shape& dims) {
    return builder_.Apply("reshape", {x}, {{"dims", Attr(dims)}});
  }
  ValueId Slice(ValueId x, int64_t axis, int64_t start, int64_t limit) {
    return builder_.Apply("slice", {x},
                          {{"axis", Attr(axis)}, {"start", Attr(start)}, {"limit", Attr(limit)}});
  }
  // Nothing is emitted when x has the dtype already.
  ValueId Cast(ValueId x, DType dtype) {
    if (builder_.type(x).dtype == dtype) return x;
    return builder_.Apply("cast", {x}, {{"dtype", Attr(dtype)}});
  }
  // To the dtype of this Emit.
  ValueId Cast(ValueId x) { return Cast(x, dtype_); }

 private:
  ValueId ReduceLast(const std::string& op, ValueId x) {
    const std::vector<int64_t> axes = {builder_.type(x).rank() - 1};
    return builder_.Apply(op, {x}, {{"axes", Attr(axes)}, {"keep_dims", Attr(true)}});
  }

  Builder& builder_;
  DType dtype_;
};

}  // namespace strata::graph

#endif  // STRATA_FRAMEWORK_GRAPH_OPS_EMIT_H_
