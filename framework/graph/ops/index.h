// Index arithmetic of the reference kernels: slow, obvious, row-major.
//
//   for (Index at(dims); at.more(); at.Next()) y[at.offset()] = x[BroadcastOffset(at.index(),
//   x_dims)];
#ifndef STRATA_FRAMEWORK_GRAPH_OPS_INDEX_H_
#define STRATA_FRAMEWORK_GRAPH_OPS_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace strata::graph {

using Dims = std::vector<int64_t>;

// Elements between neighbours along each dim: {12, 4, 1} for {2, 3, 4}.
inline Dims Strides(const Dims& dims) {
  Dims strides(dims.size(), 1);
  for (size_t d = dims.size(); d-- > 1;) strides[d - 1] = strides[d] * dims[d];
  return strides;
}

inline int64_t Product(const Dims& dims) {
  int64_t n = 1;
  for (int64_t dim : dims) n *= dim;
  return n;
}

// Product of dims[begin:end).
inline int64_t Product(const Dims& dims, size_t begin, size_t end) {
  int64_t n = 1;
  for (size_t d = begin; d < end; ++d) n *= dims[d];
  return n;
}

// Walks all indices of an array in memory order. Rank 0 has one index, an empty array none.
class Index {
 public:
  explicit Index(Dims dims)
      : dims_(std::move(dims)), index_(dims_.size(), 0), count_(Product(dims_)) {}

  bool more() const { return offset_ < count_; }
  void Next() {
    ++offset_;
    for (size_t d = dims_.size(); d-- > 0;) {
      if (++index_[d] < dims_[d]) return;
      index_[d] = 0;
    }
  }
  const Dims& index() const { return index_; }
  size_t offset() const { return static_cast<size_t>(offset_); }

 private:
  Dims dims_;
  Dims index_;
  int64_t count_;
  int64_t offset_ = 0;
};

// Offset of `index` in an array of `dims`, of the same rank.
inline size_t Offset(const Dims& index, const Dims& dims) {
  int64_t offset = 0;
  for (size_t d = 0; d < dims.size(); ++d) offset = offset * dims[d] + index[d];
  return static_cast<size_t>(offset);
}

// Offset of the element that broadcasting takes from an array of `dims` for `index` of the result:
// dims align at the end, and a dim of size 1 gives its only element.
inline size_t BroadcastOffset(const Dims& index, const Dims& dims) {
  const size_t skipped = index.size() - dims.size();
  int64_t offset = 0;
  for (size_t d = 0; d < dims.size(); ++d) {
    offset = offset * dims[d] + (dims[d] == 1 ? 0 : index[skipped + d]);
  }
  return static_cast<size_t>(offset);
}

}  // namespace strata::graph

#endif  // STRATA_FRAMEWORK_GRAPH_OPS_INDEX_H_
