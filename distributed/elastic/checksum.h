// Checksums of gradients, and what they say about which rank is wrong. A checksum is 64 bits of a hash of the bytes, so
// that any flipped bit changes it (it is missed with probability 2^-64).
#ifndef STRATA_DISTRIBUTED_ELASTIC_CHECKSUM_H_
#define STRATA_DISTRIBUTED_ELASTIC_CHECKSUM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace strata::distributed {

// FNV-1a over 8-byte words, four lanes, mixed at the end. Not for adversaries.
int64_t Checksum(const void* data, size_t bytes);

// Who differs from the value that more than half of the ranks have; by rank. Everybody when no value has such a majority.
std::vector<int> OddOnesOut(absl::Span<const int64_t> values);

// The one rank to blame: OddOnesOut() when it is a single one, else -1.
int Culprit(absl::Span<const int64_t> values);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_ELASTIC_CHECKSUM_H_
