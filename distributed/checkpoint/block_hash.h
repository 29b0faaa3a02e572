// Checksums of blocks: what lets a reader check the part of a cell that it reads, and a saver see that a cell is unchanged.
#ifndef STRATA_DISTRIBUTED_CHECKPOINT_BLOCK_HASH_H_
#define STRATA_DISTRIBUTED_CHECKPOINT_BLOCK_HASH_H_

#include <xxhash.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"

namespace strata::distributed {

inline uint64_t BlockHash(absl::string_view bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

// Of each block of `block_bytes`, the last one shorter; none without bytes.
inline std::vector<uint64_t> BlockHashes(absl::string_view bytes, uint64_t block_bytes) {
  std::vector<uint64_t> hashes;
  for (uint64_t at = 0; at < bytes.size(); at += block_bytes) {
    hashes.push_back(BlockHash(bytes.substr(at, block_bytes)));
  }
  return hashes;
}

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_CHECKPOINT_BLOCK_HASH_H_
