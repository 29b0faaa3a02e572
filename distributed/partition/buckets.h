// Buckets: small collectives of one kind as one, for a message costs its latency however short it is (Li et al. 2020,
// "PyTorch Distributed", arXiv:2006.15704, section 3.2).
//
//   %a.all_reduced = all_reduce(%a)         %bucket = concat(reshape(%a), reshape(%b))
//   ...                               ->    %bucket.all_reduce = all_reduce(%bucket)
//   %b.all_reduced = all_reduce(%b)         %a.all_reduced = reshape(slice(%bucket.all_reduce)), ...
//
// Joined are the sums of gradients (all_reduce and reduce_scatter of values marked gradient_of) and the gathers of updated
// parameters and state (all_gather), those along dim 0 or along no dim, of one group and dtype, in the order they stand.
// A bucket goes off where its last member stood, and before any node that reads a member. Sums are the same to the bit
// where the algorithm's order of summands does not depend on the place in the message; else up to rounding.
#ifndef STRATA_DISTRIBUTED_PARTITION_BUCKETS_H_
#define STRATA_DISTRIBUTED_PARTITION_BUCKETS_H_

#include <cstdint>

#include "base/status.h"
#include "framework/graph/graph.pb.h"

namespace strata::distributed {

// A bucket's operands on one rank have at most `bucket_bytes` together; what is larger goes alone, as with 0 all do.
absl::StatusOr<graph::Graph> BucketCollectives(const graph::Graph& rank_graph,
                                               int64_t bucket_bytes);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PARTITION_BUCKETS_H_
