// Ring collectives: every rank talks to its two neighbours only and all links are busy at once. Patarasuk & Yuan,
// Bandwidth optimal all-reduce algorithms for clusters of workstations (2009). A segment is reduced by the ranks in
// turn and copied from the last of them, so all ranks hold the same bits.
//
// Of n ranks and m bytes (a rank's block of b = m / n bytes in all_gather and reduce_scatter):
//   all_reduce      2 (n-1) steps of m / n bytes, a block of the data after another; 2 (n-1) m bytes on the wire
//   reduce_scatter,
//   all_gather      n-1 steps of b bytes; n (n-1) b bytes on the wire
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_RING_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_RING_H_

#include "absl/types/span.h"
#include "distributed/collective/algorithm.h"

namespace strata::distributed {

// "ring" for all_reduce, reduce_scatter and all_gather.
absl::Span<const Algorithm> RingAlgorithms();

// Phases, for algorithms that are made of rings; parts.parts() == wire.size(). In place: part r becomes whole at rank r,
// the other parts are partial sums afterwards.
absl::Status RingReduceScatter(Wire& wire, const Segments& parts);
// Part r of rank r goes everywhere. `mine` has the same bytes where they are to be read, if not in the part: what was
// written a moment ago comes slowly to another core.
absl::Status RingAllGather(Wire& wire, const Segments& parts, const char* mine = nullptr);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_RING_H_
