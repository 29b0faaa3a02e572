// TensorArena: many tensors of one lifetime, one behind the other on huge pages: a model's weights in the order in which
// a step reads them. Reads of a matrix of less than a huge page miss the TLB at every 4 KiB where it has storage of its
// own, and memory's streams start anew with each.
//
//   TensorArena arena;
//   HostTensor w = arena.Allocate(chips::U8, {groups, bytes});   // uninitialised; stays when the arena goes
//
// Memory is taken by the block; a block is freed with the last of its tensors. Pages that no tensor has are not touched.
#ifndef STRATA_FRAMEWORK_GRAPH_TENSOR_ARENA_H_
#define STRATA_FRAMEWORK_GRAPH_TENSOR_ARENA_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "framework/graph/host_tensor.h"

namespace strata::graph {

class TensorArena {
 public:
  static constexpr size_t kBlockBytes = size_t{64} << 20;

  // Aligned to 64 bytes. Throws std::bad_alloc as HostTensor::Allocate() does.
  HostTensor Allocate(DType dtype, std::vector<int64_t> dims);

 private:
  HostTensor block_;  // u8, what is handed out now
  size_t block_bytes_ = 0, used_ = 0;
};

}  // namespace strata::graph

#endif  // STRATA_FRAMEWORK_GRAPH_TENSOR_ARENA_H_
