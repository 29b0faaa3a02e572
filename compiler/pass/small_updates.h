// Small updates: groups that update small parameters, put side by side into few kernels.
#ifndef STRATA_COMPILER_PASS_SMALL_UPDATES_H_
#define STRATA_COMPILER_PASS_SMALL_UPDATES_H_

#include <vector>

#include "compiler/pass/fusion_group.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

// Joins groups of small parameters over one space, as many as the buffers of a kernel allow, into
// kernels of about equal size. `groups` are those of FindOptimizerGroups(): none waits for another.
std::vector<FusionGroup> MergeSmallUpdates(const graph::Graph& graph,
                                           std::vector<FusionGroup> groups);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_SMALL_UPDATES_H_
