// SplitFullReductions: a large reduction to one number becomes one over the last axes, then one over the rest, so that
// threads can share the first. Part of the pass "fusion".
#ifndef STRATA_COMPILER_PASS_SPLIT_REDUCTION_H_
#define STRATA_COMPILER_PASS_SPLIT_REDUCTION_H_

#include "framework/graph/graph.pb.h"

namespace strata::compiler {

// Returns whether anything changed. Values keep their ids; new ones are appended.
bool SplitFullReductions(graph::Graph* graph);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_SPLIT_REDUCTION_H_
