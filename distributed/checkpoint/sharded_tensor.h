// ShardedTensor: the part of a tensor that one rank holds: a cell, which is a box of the global tensor. What checkpoints
// save and load; it knows nothing of meshes, so anything that can say which box it holds can be saved.
//
//   // Rank 1 of tp = 2: columns 8 .. 15 of wq, f32[16, 16].
//   ShardedTensor wq = {"wq", /*global_dims=*/{16, 16}, /*offset=*/{0, 8}, HostTensor::Zeros(chips::F32, {16, 8})};
//
// A replicated tensor is one cell that several ranks hold. A scalar has no dims and no offset.
#ifndef STRATA_DISTRIBUTED_CHECKPOINT_SHARDED_TENSOR_H_
#define STRATA_DISTRIBUTED_CHECKPOINT_SHARDED_TENSOR_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "framework/graph/host_tensor.h"

namespace strata::distributed {

struct ShardedTensor {
  std::string name;
  std::vector<int64_t> global_dims;
  std::vector<int64_t> offset;  // of local's first element; as long as global_dims
  graph::HostTensor local;      // local.dims() elements from `offset` on
};

// A tensor that this rank holds whole.
ShardedTensor WholeTensor(std::string name, graph::HostTensor tensor);

// A box of a tensor: offset[d] <= index[d] < offset[d] + dims[d].
struct Box {
  std::vector<int64_t> offset, dims;

  int64_t elements() const;
  std::string ToString() const;  // as a slice: "[0:16, 8:16]"; "[]" of a scalar

  friend bool operator==(const Box& a, const Box& b) {
    return a.offset == b.offset && a.dims == b.dims;
  }
  friend bool operator<(const Box& a, const Box& b) {
    return a.offset != b.offset ? a.offset < b.offset : a.dims < b.dims;
  }
};

Box BoxOf(const ShardedTensor& tensor);
Box WholeBox(const std::vector<int64_t>& global_dims);

// What both have in common; some dim is 0 when that is nothing. Both have the same rank.
Box Intersect(const Box& a, const Box& b);

// INVALID_ARGUMENT with the tensor's name: no name, no dtype, no storage, dims below 0, offset or local dims of another
// length than the global dims, a cell that reaches outside the tensor.
absl::Status ValidateShardedTensor(const ShardedTensor& tensor);

// A box of a tensor: as long as its dims, not below 0 and inside.
absl::Status ValidateBox(const Box& box, const std::vector<int64_t>& global_dims);

// The boxes (each valid) together cover the tensor and none overlaps another: every element lies in exactly one. The same
// box twice is an overlap too: replicas are taken out before. INVALID_ARGUMENT shows a hole or the two that overlap.
absl::Status ValidateCover(absl::Span<const Box> boxes, const std::vector<int64_t>& global_dims);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_CHECKPOINT_SHARDED_TENSOR_H_
