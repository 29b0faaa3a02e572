// Tori: the ranks as a grid of 2 or 3 dimensions with sides as equal as can be, and a ring along each line of it. A
// reduce-scatter goes along the first dimension, then its part along the next, and so on; an all-gather the way back.
// As many bytes as a ring, but the sum of the sides in steps in place of their product. Ying et al., Image
// classification at supercomputer scale (2018).
//
// Takes numbers of ranks with that many factors. Bytes on the wire: all_reduce 2 (n-1) m, all_gather and reduce_scatter
// n (n-1) b.
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_TORUS_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_TORUS_H_

#include "absl/types/span.h"
#include "distributed/collective/algorithm.h"

namespace strata::distributed {

// "torus_2d" and "torus_3d" for all_reduce, reduce_scatter and all_gather.
absl::Span<const Algorithm> TorusAlgorithms();

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_TORUS_H_
