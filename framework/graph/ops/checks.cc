#include "framework/graph/ops/checks.h"

namespace strata::graph {
namespace {

absl::Status Complain(const TensorType& type, absl::string_view name, absl::string_view must) {
  return absl::InvalidArgumentError(
      absl::StrCat(name, ": is ", type.ToString(), "; must be ", must));
}

}  // namespace

absl::Status CheckFloat(const TensorType& type, absl::string_view name) {
  if (chips::IsFloat(type.dtype)) return absl::OkStatus();
  return Complain(type, name, "of a float dtype (f32, f64, bf16, f16)");
}

absl::Status CheckDType(const TensorType& type, absl::string_view name, DType dtype) {
  if (type.dtype == dtype) return absl::OkStatus();
  return Complain(type, name,
                  absl::StrCat("of dtype ", chips::DTypeName(dtype), " (a cast makes it so)"));
}

absl::Status CheckRank(const TensorType& type, absl::string_view name, absl::string_view form,
                       int64_t rank) {
  return type.rank() == rank ? absl::OkStatus() : Complain(type, name, form);
}

absl::Status CheckMinRank(const TensorType& type, absl::string_view name, absl::string_view form,
                          int64_t rank) {
  return type.rank() >= rank ? absl::OkStatus() : Complain(type, name, form);
}

absl::Status CheckShape(const TensorType& type, absl::string_view name, const Shape& expected) {
  if (type.shape == expected) return absl::OkStatus();
  return Complain(type, name, absl::StrCat("of shape ", ToString(expected)));
}

DType StatisticsType(DType dtype) {
  return dtype == chips::BF16 || dtype == chips::F16 ? chips::F32 : dtype;
}

Shape LeadingDims(const Shape& shape) { return Shape(shape.begin(), shape.end() - 1); }

Shape WithLastDim(Shape shape, const Size& size) {
  shape.back() = size;
  return shape;
}

}  // namespace strata::graph
