#include "compiler/pass/fusion_group.h"

#include <algorithm>
#include <utility>

#include "compiler/loop/lower.h"
#include "compiler/loop/schedule.h"
#include "compiler/pass/fusion_region.h"

namespace strata::compiler {

bool IsLowerable(const graph::Graph& graph, const FusionGroup& group) {
  std::vector<uint32_t> inputs;
  absl::StatusOr<loop::Computation> computation = loop::Lower(
      MakeRegion(graph, loop::KindName(group.kind), group.members, group.exports, &inputs));
  return computation.ok() && loop::Schedule(*std::move(computation)).ok();
}

void SortGroup(FusionGroup* group) {
  std::sort(group->members.begin(), group->members.end());
  std::sort(group->exports.begin(), group->exports.end());
}

}  // namespace strata::compiler
