#include "framework/graph/tensor_arena.h"

#include <algorithm>
#include <utility>

namespace strata::graph {
namespace {

constexpr size_t kAlignment = 64;

size_t BytesOf(DType dtype, const std::vector<int64_t>& dims) {
  size_t bytes = chips::SizeOf(dtype);
  for (int64_t dim : dims) bytes *= static_cast<size_t>(dim);
  return (bytes + kAlignment) / kAlignment * kAlignment;  // never zero: each has a place of its own
}

}  // namespace

HostTensor TensorArena::Allocate(DType dtype, std::vector<int64_t> dims) {
  const size_t bytes = BytesOf(dtype, dims);
  if (bytes > block_bytes_ - used_) {
    block_bytes_ = std::max(bytes, kBlockBytes);
    block_ = HostTensor::Allocate(chips::U8, {static_cast<int64_t>(block_bytes_)});
    used_ = 0;
  }
  const uint8_t* data = block_.data<uint8_t>() + used_;
  used_ += bytes;
  return HostTensor::Wrap(dtype, std::move(dims), data, std::make_shared<HostTensor>(block_));
}

}  // namespace strata::graph
