// MakeRegion(): the nodes of a fusion group as a graph of their own, the body of a `fusion` node.
#ifndef STRATA_COMPILER_PASS_FUSION_REGION_H_
#define STRATA_COMPILER_PASS_FUSION_REGION_H_

#include <cstdint>
#include <vector>

#include "compiler/pass/fusion_groups.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

// The region of a group: its members as a graph of their own, operands as inputs (`inputs`: their value ids).
graph::Graph MakeRegion(const graph::Graph& graph, const FusionGroup& group,
                        std::vector<uint32_t>* inputs);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_FUSION_REGION_H_
