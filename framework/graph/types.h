// Types of values: a dtype and dims that may be symbols.
#ifndef STRATA_FRAMEWORK_GRAPH_TYPES_H_
#define STRATA_FRAMEWORK_GRAPH_TYPES_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "chips/numerics/dtype.h"
#include "framework/graph/graph.pb.h"

namespace strata::graph {

using chips::DType;

// One extent: a number, or a symbol that stands for one. Equal symbols are equal sizes.
class Size {
 public:
  Size(int64_t size) : size_(size) {}  // NOLINT: a number is a Size
  Size(int size) : size_(size) {}      // NOLINT: a literal 0 is a number, not a null string
  Size(std::string symbol) : symbol_(std::move(symbol)) {}  // NOLINT
  Size(const char* symbol) : symbol_(symbol) {}             // NOLINT

  bool is_symbol() const { return !symbol_.empty(); }
  int64_t size() const { return size_; }  // meaningless for a symbol
  const std::string& symbol() const { return symbol_; }
  bool operator==(const Size& other) const = default;
  std::string ToString() const { return is_symbol() ? symbol_ : absl::StrCat(size_); }

 private:
  int64_t size_ = 0;
  std::string symbol_;
};

using Shape = std::vector<Size>;

struct TensorType {
  DType dtype = chips::DTYPE_UNSPECIFIED;
  Shape shape;

  bool operator==(const TensorType& other) const = default;
  int64_t rank() const { return static_cast<int64_t>(shape.size()); }
  bool concrete() const;              // no symbols
  int64_t elements() const;           // concrete only
  int64_t size_bytes() const;         // concrete only
  std::vector<int64_t> dims() const;  // concrete only
  std::string ToString() const;       // "f32[B, 768]"
};

std::string ToString(const Shape& shape);  // "[B, 768]"

TensorType TypeOf(const Value& value);
void SetType(const TensorType& type, Value* value);
Dim ToProto(const Size& size);
Size FromProto(const Dim& dim);

// A negative axis counts from the end. INVALID_ARGUMENT when outside [-rank, rank).
absl::StatusOr<int64_t> NormalizeAxis(int64_t axis, int64_t rank);

// The shape of an elementwise operation on `a` and `b` (NumPy's rule: align at the end, 1
// stretches).
absl::StatusOr<Shape> BroadcastShapes(const Shape& a, const Shape& b);

}  // namespace strata::graph

#endif  // STRATA_FRAMEWORK_GRAPH_TYPES_H_
