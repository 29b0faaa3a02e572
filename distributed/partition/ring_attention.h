// Ring attention: queries stay, keys and values go around (Liu et al. 2023, arXiv:2310.01889); each rank merges what it
// sees by the log of its sums. With a causal mask rank r of n holds chunks r and 2n-1-r of the sequence, in this order,
// so that every rank has the same work (the "zigzag" order of Llama 3's training, arXiv:2407.21783, section 3.3.2).
//
// Step 0 is the rank's own block: its positions rise, so that the op's own causal mask is right. In step s the keys are
// those of rank j = r - s (mod n). Where j < r all queries see j's first chunk and none of its second; where j > r the
// second chunk of queries sees all of j, the first nothing. So two products of chunk and chunk do in either case: (second
// queries, first keys), and (first, first) or (second, second), which the rank selects by r >= s. The graph is the same on
// all ranks.
//
// The sequence dims of q, k and v are cut over `axis`; all have the same length. Bytes of a rank: forward (n-1)(|k|+|v|),
// backward 2(n-1)(|k|+|v|), of its pieces.
#ifndef STRATA_DISTRIBUTED_PARTITION_RING_ATTENTION_H_
#define STRATA_DISTRIBUTED_PARTITION_RING_ATTENTION_H_

#include <vector>

#include "base/status.h"
#include "distributed/partition/resharder.h"
#include "framework/graph/builder.h"

namespace strata::distributed {

struct Ring {
  graph::Builder& builder;
  Resharder& resharder;
  int axis;
  int64_t ranks;
  graph::Attributes attributes;  // of the op: scale, causal
};

// The ops `attention` (q, k, v -> out, lse) and `attention_gradient` (q, k, v, out, lse, dout -> dq, dk, dv) on pieces.
absl::StatusOr<std::vector<graph::ValueId>> RingAttention(
    const Ring& ring, const std::vector<graph::ValueId>& inputs);
absl::StatusOr<std::vector<graph::ValueId>> RingAttentionGradient(
    const Ring& ring, const std::vector<graph::ValueId>& inputs);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_PARTITION_RING_ATTENTION_H_
