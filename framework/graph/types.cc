#include "framework/graph/types.h"

#include <algorithm>

#include "absl/strings/str_join.h"

namespace strata::graph {

bool TensorType::concrete() const {
  return std::none_of(shape.begin(), shape.end(),
                      [](const Size& size) { return size.is_symbol(); });
}

int64_t TensorType::elements() const {
  int64_t n = 1;
  for (const Size& size : shape) n *= size.size();
  return n;
}

int64_t TensorType::size_bytes() const {
  return elements() * static_cast<int64_t>(chips::SizeOf(dtype));
}

std::vector<int64_t> TensorType::dims() const {
  std::vector<int64_t> dims;
  for (const Size& size : shape) dims.push_back(size.size());
  return dims;
}

std::string ToString(const Shape& shape) {
  return absl::StrCat(
      "[",
      absl::StrJoin(shape, ", ",
                    [](std::string* out, const Size& s) { out->append(s.ToString()); }),
      "]");
}

std::string TensorType::ToString() const {
  return absl::StrCat(chips::DTypeName(dtype), graph::ToString(shape));
}

Dim ToProto(const Size& size) {
  Dim dim;
  if (size.is_symbol()) {
    dim.set_symbol(size.symbol());
  } else {
    dim.set_size(size.size());
  }
  return dim;
}

Size FromProto(const Dim& dim) { return dim.has_symbol() ? Size(dim.symbol()) : Size(dim.size()); }

TensorType TypeOf(const Value& value) {
  TensorType type{value.dtype(), {}};
  for (const Dim& dim : value.dims()) type.shape.push_back(FromProto(dim));
  return type;
}

void SetType(const TensorType& type, Value* value) {
  value->set_dtype(type.dtype);
  value->clear_dims();
  for (const Size& size : type.shape) *value->add_dims() = ToProto(size);
}

absl::StatusOr<int64_t> NormalizeAxis(int64_t axis, int64_t rank) {
  if (axis >= -rank && axis < rank) return axis < 0 ? axis + rank : axis;
  return absl::InvalidArgumentError(
      absl::StrCat("axis ", axis, " is outside [", -rank, ", ", rank, ")"));
}

absl::StatusOr<Shape> BroadcastShapes(const Shape& a, const Shape& b) {
  Shape result(std::max(a.size(), b.size()), Size(1));
  for (size_t i = 0; i < result.size(); ++i) {
    const Size x = i < a.size() ? a[a.size() - 1 - i] : Size(1);
    const Size y = i < b.size() ? b[b.size() - 1 - i] : Size(1);
    if (!(x == y) && !(x == Size(1)) && !(y == Size(1))) {
      return absl::InvalidArgumentError(absl::StrCat("shapes ", ToString(a), " and ", ToString(b),
                                                     " do not broadcast: ", x.ToString(),
                                                     " against ", y.ToString()));
    }
    result[result.size() - 1 - i] = x == Size(1) ? y : x;
  }
  return result;
}

}  // namespace strata::graph
