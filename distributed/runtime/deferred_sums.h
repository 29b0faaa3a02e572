// Gradients are summed over microbatches first and over ranks afterwards: once a step, not once a microbatch.
//
//   %g.all_reduced = all_reduce(%g) {group = "dp"}         %sum.w.plus.g = add(%sum.w, %g)
//   %sum.w.plus.g = add(%sum.w, %g.all_reduced)       ->   ... and after the last microbatch all_reduce of sum.w over "dp"
//
// Addition does not mind the order, so each rank adds up its own terms. A sum that is cut over the ranks (ZeRO-2 and -3)
// is reduce_scattered each time: what it saves in memory is the room that the terms would need.
#ifndef STRATA_DISTRIBUTED_RUNTIME_DEFERRED_SUMS_H_
#define STRATA_DISTRIBUTED_RUNTIME_DEFERRED_SUMS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "framework/graph/graph.pb.h"

namespace strata::distributed {

struct DeferredSum {
  std::string sum;    // name of the STATE input
  std::string group;  // mesh axes
  int64_t ranks = 1;
};

// Takes the all_reduce out of the programs of one rank, wherever every term of a sum has the same one. Ordered by name.
std::vector<DeferredSum> DeferSums(const std::vector<graph::Graph*>& programs);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_RUNTIME_DEFERRED_SUMS_H_
