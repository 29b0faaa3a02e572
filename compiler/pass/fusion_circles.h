// Circles: whether a group of nodes that becomes one kernel would wait for itself.
//
// A kernel runs once all it reads is there. If a value that it writes leads, over other kernels, to
// a value that it reads, it never can. Searches look along the uses of values, in the old order of
// nodes, and give up (with "yes") after a bounded number of steps.
#ifndef STRATA_COMPILER_PASS_FUSION_CIRCLES_H_
#define STRATA_COMPILER_PASS_FUSION_CIRCLES_H_

#include <cstdint>
#include <vector>

#include "compiler/pass/fusion_group.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

struct GroupUse {
  int group;
  bool aligned;  // at the index of the kernel's own element
};

// Who reads a value.
struct FusionUses {
  explicit FusionUses(const graph::Graph& graph)
      : groups(static_cast<size_t>(graph.values_size())),
        nodes(static_cast<size_t>(graph.values_size())) {}

  std::vector<std::vector<GroupUse>> groups;  // by value
  std::vector<std::vector<int>> nodes;        // by value: nodes outside of groups
};

// Whether a path leads from a value over something outside of `group` into it.
bool ReachesGroup(const graph::Graph& graph, const std::vector<FusionGroup>& groups,
                  const FusionUses& uses, uint32_t value, int group);

// Whether a path leads from what group `from` writes, not straight, into group `to`.
bool ReachesAround(const graph::Graph& graph, const std::vector<FusionGroup>& groups,
                   const FusionUses& uses, int from, int to);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_FUSION_CIRCLES_H_
