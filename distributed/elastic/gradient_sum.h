// GradientSum: the sum of all micro-shards' gradients over the ranks, with bits that do not depend on the number of ranks
// (FixedTree), and with checks that name the rank when a bit was flipped on the way.
//
//   GradientSum sum(collectives, FixedTree(24), /*count=*/parameters);
//   STRATA_RETURN_IF_ERROR(sum.Reduce(my_leaves, total.data()));   // DATA_LOSS: sum.culprit() is the rank
//
// Each rank adds up the largest subtrees of its leaves, all gather those of all, and each finishes the tree by itself.
// Bytes a rank receives: (ranks - 1) * p * 4 count with p the most subtrees a rank has (1 when the ranks divide the leaves
// in halves, 2 log2(leaves) at most): more than an all-reduce's 2 * 4 count * (ranks - 1) / ranks. That is the price of
// what is gained: every rank has made the sum from the parts itself, so a fault in one of them shows.
//
// What is detected, always (64-bit checksums), by all ranks at the same step, and named with three ranks or more:
//  - a part that changed between its rank's summing up and another's reading: memory of the sender behind the checksum,
//    wire, memory of the receiver. Blamed: the sender when half of the others or more got it wrong, else the receiver;
//  - a sum that one rank made differently: arithmetic or memory of that rank in the reduction. Blamed: the odd one.
// What is not: a leaf that was wrong before its checksum was taken (see ShardTrainee's audit), and what happens to the
// parameters afterwards (they are compared at the next sum, as its `extra` value).
#ifndef STRATA_DISTRIBUTED_ELASTIC_GRADIENT_SUM_H_
#define STRATA_DISTRIBUTED_ELASTIC_GRADIENT_SUM_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "compiler/device/collectives.h"
#include "distributed/elastic/fixed_tree.h"

namespace strata::distributed {

class GradientSum {
 public:
  // Called with memory that a fault may change; for tests. `where`: "sent" (parts behind their checksums), "received"
  // (all ranks' parts), "sum".
  using Tap = std::function<void(const char* where, absl::Span<float> values)>;

  // At least as many leaves as ranks. `count`: floats of a leaf.
  GradientSum(compiler::Collectives& collectives, FixedTree tree, int64_t count);

  // leaves[i]: of the i-th of this rank's share, count floats. `extra` (a checksum of what else must be the same on all
  // ranks, as the parameters) is compared too. DATA_LOSS on every rank when a check failed on any.
  absl::Status Reduce(absl::Span<const float* const> leaves, float* sum, int64_t extra = 0);

  int culprit() const { return culprit_; }  // of the last Reduce(); -1: none, or it cannot be told
  void set_tap(Tap tap) { tap_ = std::move(tap); }

 private:
  absl::Status GatherParts(absl::Span<const float* const> leaves);
  // Whose parts are not as their checksums say; here.
  std::vector<bool> WrongSenders() const;
  absl::Status CompareVerdicts(const std::vector<bool>& wrong, int64_t sum, int64_t extra);
  absl::Status Blame(int rank, const std::string& what);

  compiler::Collectives& collectives_;
  const FixedTree tree_;
  const int64_t count_;
  int64_t parts_ = 0;               // room for those of a rank
  std::vector<float> all_parts_;    // [ranks][parts][count]
  std::vector<int64_t> checksums_;  // [ranks][parts]
  Tap tap_;
  int culprit_ = -1;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_ELASTIC_GRADIENT_SUM_H_
