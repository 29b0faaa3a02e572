// What an algorithm may change about a result, and what not: compared with the reference, bit by bit, on ranks of the
// simulated transport.
//
// - What is only moved (all_gather, all_to_all) is the reference's to the bit.
// - A sum of whole numbers, each rounded nowhere, is so too, in whatever order it is made.
// - A sum that rounds may differ from the reference's, as the order does; it is the same on all ranks, and in every run.
#ifndef STRATA_COURSES_DISTRIBUTED_COLLECTIVES_THREE_WAYS_BITS_H_
#define STRATA_COURSES_DISTRIBUTED_COLLECTIVES_THREE_WAYS_BITS_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "distributed/collective/algorithm.h"

namespace strata::courses {

struct BitCheck {
  const distributed::Algorithm* algorithm = nullptr;
  int ranks = 0;
  bool equals_reference = false;  // of data that only moves, or whole numbers
  bool same_on_all_ranks = false, same_again = false;
  bool rounds_differently = false;  // fractions, from the reference: allowed, and of interest
};

// Every row for all_reduce, all_gather and all_to_all.
absl::StatusOr<std::vector<BitCheck>> CheckBits(const std::vector<int>& ranks);

}  // namespace strata::courses

#endif  // STRATA_COURSES_DISTRIBUTED_COLLECTIVES_THREE_WAYS_BITS_H_
