#include "framework/graph/ops/op_util.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace strata::graph {

absl::Status InputFault(const OpCall& call, size_t i, absl::string_view must_be) {
  return absl::InvalidArgumentError(
      absl::StrCat("inputs[", i, "]: is ", call.inputs[i].ToString(), "; must be ", must_be));
}

absl::Status CheckFloat(const OpCall& call, size_t i) {
  if (chips::IsFloat(call.inputs[i].dtype)) return absl::OkStatus();
  return InputFault(call, i, "of a float dtype");
}

absl::Status CheckNumber(const OpCall& call, size_t i) {
  const DType dtype = call.inputs[i].dtype;
  if (chips::IsFloat(dtype) || chips::IsInteger(dtype)) return absl::OkStatus();
  return InputFault(call, i, "of a number dtype");
}

absl::Status CheckDType(const OpCall& call, size_t i, DType dtype) {
  if (call.inputs[i].dtype == dtype) return absl::OkStatus();
  return InputFault(call, i, absl::StrCat("of dtype ", chips::DTypeName(dtype)));
}

absl::Status CheckSameDType(const OpCall& call, size_t i, size_t j) {
  if (call.inputs[i].dtype == call.inputs[j].dtype) return absl::OkStatus();
  return InputFault(call, i,
                    absl::StrCat("of dtype ", chips::DTypeName(call.inputs[j].dtype),
                                 " like inputs[", j, "]; cast one"));
}

absl::Status CheckInt8Terms(double terms) {
  constexpr double kMost = 131071;
  if (terms <= kMost) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("sums ", terms, " products of two i8; at most ",
                                                 kMost, " are sure to fit an i32: split the sum"));
}

absl::Status CheckRank(const OpCall& call, size_t i, int64_t rank) {
  if (call.inputs[i].rank() == rank) return absl::OkStatus();
  return InputFault(call, i, absl::StrCat("of rank ", rank));
}

absl::Status CheckShape(const OpCall& call, size_t i, const Shape& shape) {
  if (call.inputs[i].shape == shape) return absl::OkStatus();
  return InputFault(call, i, absl::StrCat("of shape ", ToString(shape)));
}

TypesOr InferSameFloat(const OpCall& call) {
  STRATA_RETURN_IF_ERROR(CheckFloat(call, 0));
  return std::vector<TensorType>{call.inputs[0]};
}

absl::StatusOr<Shape> BroadcastInputs(const OpCall& call, size_t first) {
  Shape shape = call.inputs[first].shape;
  for (size_t i = first + 1; i < call.inputs.size(); ++i) {
    STRATA_ASSIGN_OR_RETURN(shape, BroadcastShapes(shape, call.inputs[i].shape));
  }
  return shape;
}

absl::StatusOr<size_t> AxisOf(const OpCall& call, int64_t rank) {
  STRATA_ASSIGN_OR_RETURN(const int64_t axis, NormalizeAxis(call.attrs().Int("axis"), rank));
  return static_cast<size_t>(axis);
}

absl::StatusOr<std::vector<size_t>> AxesOf(const OpCall& call, int64_t rank) {
  std::vector<size_t> axes;
  for (int64_t axis : call.attrs().Ints("axes")) {
    STRATA_ASSIGN_OR_RETURN(const int64_t normal, NormalizeAxis(axis, rank));
    axes.push_back(static_cast<size_t>(normal));
  }
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end()) {
    return absl::InvalidArgumentError("axes: an axis is named twice");
  }
  return axes;
}

absl::StatusOr<Shape> DimsOf(const OpCall& call) {
  Shape shape = call.attrs().Dims("dims");
  for (size_t d = 0; d < shape.size(); ++d) {
    if (!shape[d].is_symbol() && shape[d].size() < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("dims[", d, "]: is ", shape[d].size(), "; must be >= 0"));
    }
  }
  return shape;
}

absl::StatusOr<int64_t> AddSizes(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (a < 0 || b < 0 || __builtin_add_overflow(a, b, &sum)) {
    return absl::InvalidArgumentError(
        absl::StrCat("sizes ", a, " and ", b, " do not add up to a size"));
  }
  return sum;
}

ValueId SumTo(Builder& b, ValueId value, const Shape& shape) {
  if (b.type(value).shape == shape) return value;
  return b.Apply("sum_to", {value}, {{"dims", Attr(shape)}});
}

ValueId Reshape(Builder& b, ValueId value, const Shape& shape) {
  if (b.type(value).shape == shape) return value;
  return b.Apply("reshape", {value}, {{"dims", Attr(shape)}});
}

ValueId BroadcastTo(Builder& b, ValueId value, const Shape& shape) {
  if (b.type(value).shape == shape) return value;
  return b.Apply("broadcast_to", {value}, {{"dims", Attr(shape)}});
}

ValueId ElementCount(Builder& b, const Shape& shape, DType dtype) {
  const TensorType type{dtype, shape};
  if (type.concrete()) return b.Constant(static_cast<double>(type.elements()), dtype);
  // Ones summed up; in f32 at least, where a sum of many ones is exact.
  const DType wide = dtype == chips::F64 ? chips::F64 : chips::F32;
  std::vector<int64_t> axes;
  for (size_t d = 0; d < shape.size(); ++d) axes.push_back(static_cast<int64_t>(d));
  const ValueId count = b.Apply("reduce_sum", {b.Constant(1.0, wide, shape)},
                                {{"axes", Attr(axes)}, {"keep_dims", Attr(false)}});
  return wide == dtype ? count : b.Apply("cast", {count}, {{"dtype", Attr(dtype)}});
}

double OutputElements(const OpCall& call) {
  double n = 0;
  for (const TensorType& type : call.outputs) n += static_cast<double>(type.elements());
  return n;
}

double InputElements(const OpCall& call, size_t i) {
  return static_cast<double>(call.inputs[i].elements());
}

}  // namespace strata::graph
