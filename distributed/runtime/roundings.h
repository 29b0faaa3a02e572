// How often a number is rounded on its way through a graph: what the tolerances of comparisons are derived from.
#ifndef STRATA_DISTRIBUTED_RUNTIME_ROUNDINGS_H_
#define STRATA_DISTRIBUTED_RUNTIME_ROUNDINGS_H_

#include <cstdint>
#include <map>
#include <string>

#include "framework/graph/graph.pb.h"

namespace strata::distributed {

// By output: the longest chain of nodes that round, from any input to it. A node that computes is one rounding; views and
// movements are none; a collective that sums over n ranks is n - 1, one that moves is none.
std::map<std::string, int64_t> RoundingsOfOutputs(const graph::Graph& graph);

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_RUNTIME_ROUNDINGS_H_
