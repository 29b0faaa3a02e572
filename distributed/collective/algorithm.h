// Algorithm: one way to do one collective over any transport, with what it sends and what it costs. A row of the table.
//
//   for (const Algorithm& algorithm : AlgorithmTable()) { if (algorithm.verb == Verb::kAllReduce) ... }
//   STRATA_ASSIGN_OR_RETURN(const Algorithm* ring, FindAlgorithm(Verb::kAllReduce, "ring"));
//   ring->wire_bytes({.ranks = 4, .count = 1000, .element_bytes = 4});   // 24000
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_ALGORITHM_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_ALGORITHM_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "base/status.h"
#include "distributed/collective/call.h"
#include "distributed/collective/link_model.h"
#include "distributed/collective/wire.h"

namespace strata::distributed {

// What the work of a call depends on. Of all_to_all_v, count is what all ranks send to others, together.
struct CallShape {
  int ranks = 1;
  int64_t count = 0;
  int64_t element_bytes = 4;
  Tuning tuning = {};

  int64_t bytes() const { return count * element_bytes; }
};

struct Algorithm {
  Verb verb;
  absl::string_view name;
  // Of a checked call between two ranks or more.
  absl::Status (*run)(Wire& wire, const Call& call);
  // Whether it can be used between so many ranks (two or more).
  bool (*takes)(int ranks, const Tuning& tuning);
  // What all ranks send together. Exact.
  int64_t (*wire_bytes)(const CallShape& shape);
  // The longest chain of messages, bytes and arithmetic. The model: exact but for remainders.
  Cost (*cost)(const CallShape& shape);
};

inline bool AnyRanks(int, const Tuning&) { return true; }

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_ALGORITHM_H_
