#include "compiler/pass/fusion_circles.h"

#include <algorithm>
#include <set>
#include <utility>

namespace strata::compiler {
namespace {

constexpr int kMaxVisits = 4000;  // then a circle is assumed

size_t At(int i) { return static_cast<size_t>(i); }

class Search {
 public:
  Search(const graph::Graph& graph, const std::vector<FusionGroup>& groups, const FusionUses& uses,
         int target)
      : graph_(graph), groups_(groups), uses_(uses), target_(target) {
    for (int member : groups[At(target)].members) last_ = std::max(last_, member);
  }

  uint32_t Out(int node) const { return graph_.nodes(node).outputs(0); }

  // Puts the readers of a value on the stack; true when the target is among them (unless skipped).
  bool Follow(uint32_t value, int skip) {
    for (const GroupUse& use : uses_.groups[value]) {
      if (use.group == skip) continue;
      if (use.group == target_) return true;
      if (seen_groups_.insert(use.group).second) stack_.push_back({true, use.group});
    }
    for (int reader : uses_.nodes[value]) {
      if (reader < last_ && seen_nodes_.insert(reader).second) stack_.push_back({false, reader});
    }
    return false;
  }

  bool Drain() {
    int visits = 0;
    while (!stack_.empty()) {
      if (++visits > kMaxVisits) return true;
      const auto [is_group, index] = stack_.back();
      stack_.pop_back();
      if (is_group ? FollowGroup(index) : FollowNode(index)) return true;
    }
    return false;
  }

 private:
  bool FollowNode(int node) {
    for (uint32_t id : graph_.nodes(node).outputs()) {
      if (Follow(id, /*skip=*/-1)) return true;
    }
    return false;
  }

  bool FollowGroup(int group) {
    for (int member : groups_[At(group)].exports) {
      if (member < last_ && Follow(Out(member), /*skip=*/-1)) return true;
    }
    return false;
  }

  const graph::Graph& graph_;
  const std::vector<FusionGroup>& groups_;
  const FusionUses& uses_;
  int target_;
  int last_ = -1;  // no later node can lead into the target
  std::set<int> seen_groups_, seen_nodes_;
  std::vector<std::pair<bool, int>> stack_;  // (is group, index)
};

}  // namespace

bool ReachesGroup(const graph::Graph& graph, const std::vector<FusionGroup>& groups,
                  const FusionUses& uses, uint32_t value, int group) {
  Search search(graph, groups, uses, group);
  return search.Follow(value, /*skip=*/group) || search.Drain();
}

bool ReachesAround(const graph::Graph& graph, const std::vector<FusionGroup>& groups,
                   const FusionUses& uses, int from, int to) {
  Search search(graph, groups, uses, to);
  for (int member : groups[At(from)].exports) {
    if (search.Follow(search.Out(member), /*skip=*/to)) return true;
  }
  return search.Drain();
}

}  // namespace strata::compiler
