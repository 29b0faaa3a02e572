// How the work of decoding rows is shared out, few queries that go through all keys of their view: threads take runs of
// cells of about the same work, across sweeps and within them.
//
//   const std::vector<Sweep> sweeps = ...;
//   const SweepParts parts = SplitSweeps(sweeps, /*parts=*/2);
//   for (const SweepPart& part : parts.Of(0)) ...   // what the first thread does, in this order
//
// A cell is a block of keys of one key head; those of a sweep are numbered by block, then by head.
#ifndef STRATA_COMPILER_KERNELS_CPU_PAGED_SPLIT_H_
#define STRATA_COMPILER_KERNELS_CPU_PAGED_SPLIT_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace strata::compiler {

// Queries [0, queries) of each of a view's key heads [kv, kv + kvs), against the keys [begin, end) that some of them see.
struct Sweep {
  int32_t view = 0;
  int64_t row = 0;  // where the view's rows begin in the order of rows
  int64_t queries = 0;
  int64_t kv = 0, kvs = 0;
  int64_t begin = 0, end = 0;  // begin < end

  int64_t first_block() const;
  int64_t blocks() const;
  int64_t cells() const { return blocks() * kvs; }
};

// Cells [begin, end) of a sweep.
struct SweepPart {
  int64_t sweep = 0;
  int64_t begin = 0, end = 0;
};

struct SweepParts {
  std::vector<SweepPart> all;
  std::vector<int64_t> first;  // of each part, and the end of the last

  absl::Span<const SweepPart> Of(int64_t part) const {
    const auto begin = static_cast<size_t>(first[static_cast<size_t>(part)]);
    return absl::MakeConstSpan(all).subspan(
        begin, static_cast<size_t>(first[static_cast<size_t>(part) + 1]) - begin);
  }
};

// Cuts the sweeps, one after the other, into `parts` of about the same work. A part may be empty.
SweepParts SplitSweeps(const std::vector<Sweep>& sweeps, int64_t parts);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_KERNELS_CPU_PAGED_SPLIT_H_
