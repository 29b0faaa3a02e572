// MakeRegion(), MakeFusion(): nodes of a graph as a graph of their own, the body of a `fusion` node.
#ifndef STRATA_COMPILER_PASS_FUSION_REGION_H_
#define STRATA_COMPILER_PASS_FUSION_REGION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "framework/graph/graph.pb.h"

namespace strata::compiler {

// The members (node indices, sorted) with their operands as inputs (`inputs`: their value ids, in order of first use) and
// the values of the exports (members, sorted) as outputs.
graph::Graph MakeRegion(const graph::Graph& graph, const std::string& name,
                        const std::vector<int>& members, const std::vector<int>& exports,
                        std::vector<uint32_t>* inputs);

// The `fusion` node that stands for the members, without attributes; its origin names theirs.
graph::Node MakeFusion(const graph::Graph& graph, const std::string& kind,
                       const std::vector<int>& members, const std::vector<int>& exports);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_FUSION_REGION_H_
