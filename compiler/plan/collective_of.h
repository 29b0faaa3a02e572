// The plan's form of a collective node (framework/graph/ops/collective.cc).
#ifndef STRATA_COMPILER_PLAN_COLLECTIVE_OF_H_
#define STRATA_COMPILER_PLAN_COLLECTIVE_OF_H_

#include <cstdint>

#include "compiler/plan/plan.pb.h"
#include "framework/graph/graph.pb.h"

namespace strata::plan {

// `rank` is that of the node's result (and operand): negative axes count from it.
Collective CollectiveOf(const graph::Node& node, int64_t rank);

}  // namespace strata::plan

#endif  // STRATA_COMPILER_PLAN_COLLECTIVE_OF_H_
