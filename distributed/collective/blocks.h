// Data in blocks that fit the cache: an element-wise collective is done for one after the other.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_BLOCKS_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_BLOCKS_H_

#include <algorithm>
#include <cstdint>

#include "base/status.h"

namespace strata::distributed {

// How many blocks of at most `block` there are in `total`.
inline int64_t Blocks(int64_t total, int64_t block) { return (total + block - 1) / block; }

// body(at, size) for each, in order, until one fails.
template <typename Body>
absl::Status ForEachBlock(int64_t total, int64_t block, Body body) {
  for (int64_t at = 0; at < total; at += block) {
    STRATA_RETURN_IF_ERROR(body(at, std::min(block, total - at)));
  }
  return absl::OkStatus();
}

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_BLOCKS_H_
