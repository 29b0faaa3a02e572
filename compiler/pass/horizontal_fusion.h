// Horizontal fusion: kernels over one iteration space that share an operand become one, which reads
// it once. The last step of FindFusionGroups().
//
// Sharing a small value saves no traffic; but kernels of single numbers, and those that move so
// little that the launch is what they cost, are better one than many.
#ifndef STRATA_COMPILER_PASS_HORIZONTAL_FUSION_H_
#define STRATA_COMPILER_PASS_HORIZONTAL_FUSION_H_

#include <vector>

#include "compiler/pass/fusion_circles.h"
#include "compiler/pass/fusion_group.h"
#include "compiler/pass/fusion_node_info.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

// Merges groups (members and exports sorted); those that are no more are left empty. Keeps `uses`.
void MergeHorizontally(const graph::Graph& graph, const std::vector<FusionNodeInfo>& infos,
                       std::vector<FusionGroup>* groups, FusionUses* uses);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_HORIZONTAL_FUSION_H_
