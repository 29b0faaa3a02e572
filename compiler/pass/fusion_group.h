// FusionGroup: nodes of a graph that become one kernel.
#ifndef STRATA_COMPILER_PASS_FUSION_GROUP_H_
#define STRATA_COMPILER_PASS_FUSION_GROUP_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "compiler/loop/computation.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

// Limits of a kernel that the general fusion makes: nodes; operands and results.
inline constexpr size_t kMaxFusedNodes = 96;
inline constexpr int kMaxFusedBuffers = 28;

struct FusionGroup {
  loop::Kind kind = loop::Kind::kLoop;
  std::vector<int64_t> space;  // the iteration space: dims without ones
  std::vector<int64_t> kept;   // kRow, kColumn: the dims that are not reduced
  std::vector<int> members;    // node indices, sorted
  std::vector<int> exports;    // members whose values others read, sorted
};

// Nodes that are in no group, or whose values are read outside of the groups that cloned them, stay
// nodes of their own.
struct FusionGroups {
  std::vector<FusionGroup> groups;
  std::vector<int> alone;  // node indices, sorted
};

// Whether a loop nest can be made and scheduled for the group.
bool IsLowerable(const graph::Graph& graph, const FusionGroup& group);

// Sorts members and exports.
void SortGroup(FusionGroup* group);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_FUSION_GROUP_H_
