// Copies a box of elements from one dense row-major box to another: what resharding comes down to.
//
//   // f32: rows 2 and 3 of what rank 0 held (rows 0 .. 3) into what rank 1 holds now (rows 2 .. 5).
//   const Box from = {{0, 0}, {4, 8}}, to = {{2, 0}, {4, 8}};
//   CopyBox(Intersect(from, to), from, source, to, target, /*element_bytes=*/4);
//
// All boxes are in the coordinates of the global tensor.
#ifndef STRATA_DISTRIBUTED_CHECKPOINT_BOX_COPY_H_
#define STRATA_DISTRIBUTED_CHECKPOINT_BOX_COPY_H_

#include <cstddef>
#include <cstdint>
#include <functional>

#include "base/status.h"
#include "distributed/checkpoint/sharded_tensor.h"

namespace strata::distributed {

// Elements that lie together in both boxes: `count` from index `from` of one, `to` of the other.
struct BoxRun {
  int64_t from = 0, to = 0, count = 0;
};

// `common` (inside both) as the longest such runs, rising in both boxes. Stops at the first error.
absl::Status ForEachRun(const Box& common, const Box& from, const Box& to,
                        const std::function<absl::Status(const BoxRun&)>& body);

void CopyBox(const Box& common, const Box& from, const void* source, const Box& to, void* target,
             size_t element_bytes);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_CHECKPOINT_BOX_COPY_H_
