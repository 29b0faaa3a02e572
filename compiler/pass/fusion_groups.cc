#include "compiler/pass/fusion_groups.h"

#include <algorithm>

#include "compiler/pass/fusion_circles.h"
#include "compiler/pass/fusion_node_info.h"
#include "compiler/pass/horizontal_fusion.h"

namespace strata::compiler {
namespace {

using graph::Graph;
using graph::Node;
using loop::Kind;
using Role = FusionNodeInfo::Role;

// Additions an element that recomputing may cost, all the way down, where it saves a round trip
// through memory.
constexpr int kRecomputeBudget = 64;
// Work on smaller values than the kernel's own is repeated; only this cheap.
constexpr int kRepeatBudget = 4;
constexpr int64_t kLongRow = 64;

size_t At(int i) { return static_cast<size_t>(i); }

class Finder {
 public:
  explicit Finder(const Graph& graph)
      : graph_(graph),
        infos_(ReadFusionNodes(graph)),
        uses_(graph),
        is_output_(static_cast<size_t>(graph.values_size()), false),
        maker_(static_cast<size_t>(graph.values_size()), -1),
        clone_cost_(static_cast<size_t>(graph.nodes_size()), 0),
        alone_(static_cast<size_t>(graph.nodes_size()), false),
        consumers_(static_cast<size_t>(graph.nodes_size())) {
    for (const auto& output : graph.outputs()) is_output_[output.value()] = true;
    for (int n = 0; n < graph.nodes_size(); ++n) {
      for (uint32_t id : graph.nodes(n).outputs()) maker_[id] = n;
      for (uint32_t id : graph.nodes(n).inputs()) {
        if (maker_[id] >= 0) consumers_[At(maker_[id])].push_back(n);
      }
    }
  }

  FusionGroups Run() {
    for (int n = graph_.nodes_size(); n-- > 0;) Visit(n);
    for (FusionGroup& group : groups_) SortGroup(&group);
    MergeHorizontally(graph_, infos_, &groups_, &uses_);
    return Finish();
  }

 private:
  using Want = GroupUse;

  const FusionNodeInfo& Info(int n) const { return infos_[At(n)]; }
  uint32_t Out(int n) const { return graph_.nodes(n).outputs(0); }

  // ---- one node

  void Visit(int n) {
    const FusionNodeInfo& info = Info(n);
    if (info.role == Role::kOpaque) return StandAlone(n);
    const uint32_t v = Out(n);
    const bool outside = is_output_[v] || !uses_.nodes[v].empty();
    const std::vector<Want> wants = uses_.groups[v];
    if (wants.empty() && !outside) return StandAlone(n);
    if (info.role == Role::kSource || info.role == Role::kView || info.role == Role::kSlice) {
      return VisitFree(n, wants, outside);
    }
    if (!outside && (wants.size() == 1 || ShouldClone(n, wants))) {
      const bool all = std::all_of(wants.begin(), wants.end(),
                                   [&](const Want& w) { return CanJoin(n, w, false); });
      if (all) {
        clone_cost_[At(n)] = wants.size() == 1 ? 0 : Info(n).cost + InheritedCost(n);
        for (const Want& want : wants) Join(n, want, false);
        return;
      }
    }
    WriteToMemory(n, wants);
  }

  // Costs nothing in a kernel: cloned into each, and stays alone for readers outside.
  void VisitFree(int n, const std::vector<Want>& wants, bool outside) {
    std::vector<Want> rest;
    for (const Want& want : wants) {
      if (CanJoin(n, want, false)) {
        Join(n, want, false);
      } else {
        rest.push_back(want);
      }
    }
    if (!outside && rest.empty()) return;
    uses_.groups[Out(n)] = rest;
    if (Info(n).role == Role::kSlice) return WriteToMemory(n, rest);
    StandAlone(n);
  }

  void StandAlone(int n) {
    alone_[At(n)] = true;
    for (uint32_t id : graph_.nodes(n).inputs()) {
      if (uses_.nodes[id].empty() || uses_.nodes[id].back() != n) uses_.nodes[id].push_back(n);
    }
  }

  void WriteToMemory(int n, std::vector<Want> wants) {
    std::sort(wants.begin(), wants.end(), [&](const Want& a, const Want& b) {
      return groups_[At(a.group)].members.back() < groups_[At(b.group)].members.back();
    });
    for (const Want& want : wants) {
      if (!CanJoin(n, want, true) || ReachesGroup(graph_, groups_, uses_, Out(n), want.group))
        continue;
      Join(n, want, true);
      // Now only the others read it from memory.
      std::vector<Want>& all = uses_.groups[Out(n)];
      all.erase(std::remove_if(all.begin(), all.end(),
                               [&](const Want& w) { return w.group == want.group; }),
                all.end());
      return;
    }
    const int group = static_cast<int>(groups_.size());
    groups_.emplace_back();
    FusionGroup& made = groups_.back();
    made.space = Info(n).dims;
    if (Info(n).role == Role::kReduction) {
      made.kind = Info(n).over_rows ? Kind::kRow : Kind::kColumn;
      made.space = Info(n).operand_dims;
      made.kept = Info(n).dims;
    }
    buffers_.push_back(0);
    Join(n, {group, true}, true);
  }

  // ---- may it join?

  bool IsRepeatedCheaply(int n, const FusionGroup& group) const {
    const FusionNodeInfo& info = Info(n);
    if (info.cost <= kRepeatBudget || info.elements * 2 > ElementsOf(group.space)) return true;
    return info.elements == 1 || IsPrefix(info.dims, group.space);  // computed once a row
  }

  bool CanJoin(int n, const Want& want, bool exported) const {
    const FusionGroup& group = groups_[At(want.group)];
    const FusionNodeInfo& info = Info(n);
    if (group.members.size() >= kMaxFusedNodes) return false;
    if (buffers_[At(want.group)] + graph_.nodes(n).inputs_size() + exported > kMaxFusedBuffers)
      return false;
    if (exported && !want.aligned) return false;
    if (info.role == Role::kReduction) return want.aligned && CanJoinReduction(info, group);
    if (info.role == Role::kMove) {
      if (group.kind != Kind::kLoop) return false;
      return exported ? AreViewsOfOneSpace(info.dims, group.space) : true;
    }
    if (info.after_move && group.kind != Kind::kLoop) return false;  // its moves need a loop kernel
    return exported ? CanExport(info, group) : IsRepeatedCheaply(n, group);
  }

  static bool CanJoinReduction(const FusionNodeInfo& info, const FusionGroup& group) {
    if (group.kind == Kind::kLoop) {
      // Full elements around the reduction, or only work on its results so far (a row's is done by
      // one lane).
      if (info.over_rows && info.operand_dims == group.space) return true;
      if (info.dims != group.space) return false;
      return !info.over_rows || ElementsOf(info.operand_dims) >= kLongRow * info.elements;
    }
    return info.over_rows && group.kind == Kind::kRow && info.operand_dims == group.space &&
           info.dims == group.kept;
  }

  // A number a row, from a reduction over the rows of this group.
  static bool IsRowResult(const FusionNodeInfo& info, const FusionGroup& group) {
    return info.after_row_reduction && info.row_space == group.space && info.row_kept == info.dims;
  }

  static bool CanExport(const FusionNodeInfo& info, const FusionGroup& group) {
    switch (group.kind) {
      case Kind::kLoop:
        return AreViewsOfOneSpace(info.dims, group.space) || IsRowResult(info, group);
      case Kind::kRow:
        return info.dims == group.space || info.dims == group.kept;
      case Kind::kColumn:
        return (info.dims == group.space && !info.after_row_reduction) || info.dims == group.kept;
    }
    return false;
  }

  void Join(int n, const Want& want, bool exported) {
    FusionGroup& group = groups_[At(want.group)];
    const FusionNodeInfo& info = Info(n);
    if (info.role == Role::kReduction && group.kind == Kind::kLoop) {
      group.kind = info.over_rows ? Kind::kRow : Kind::kColumn;
      group.space = info.operand_dims;
      group.kept = info.dims;
    } else if (exported && group.kind == Kind::kLoop &&
               !AreViewsOfOneSpace(info.dims, group.space)) {
      group.kind = Kind::kRow;  // its reduction comes with one of its operands
      group.kept = info.dims;
    }
    group.members.push_back(n);
    if (exported) group.exports.push_back(n);
    buffers_[At(want.group)] += exported;
    const bool aligned = want.aligned && info.role != Role::kMove && info.role != Role::kSlice;
    for (uint32_t id : graph_.nodes(n).inputs()) {
      Want* found = nullptr;
      for (Want& w : uses_.groups[id]) {
        if (w.group == want.group) found = &w;
      }
      if (found != nullptr) {
        found->aligned = found->aligned && aligned;
      } else {
        uses_.groups[id].push_back({want.group, aligned});
      }
    }
  }

  // ---- is it worth it?

  // Recompute in every group that wants the value, rather than write it once and read it in each:
  // when that costs few additions and makes the kernels read no more than they would have read.
  bool ShouldClone(int n, const std::vector<Want>& wants) const {
    const FusionNodeInfo& info = Info(n);
    if (info.role == Role::kReduction || info.role == Role::kMove) return false;
    if (info.cost + InheritedCost(n) > kRecomputeBudget) return false;
    int64_t smallest = INT64_MAX;
    for (const Want& want : wants)
      smallest = std::min(smallest, ElementsOf(groups_[At(want.group)].space));
    if (info.elements * 4 <= smallest && info.cost > 1) return false;  // small: write it once
    int wide = 0, fresh = 0;
    for (uint32_t id : graph_.nodes(n).inputs()) {
      const int operand = maker_[id];
      if (operand >= 0 && (Info(operand).role == Role::kSource)) continue;
      if (ElementsOfValue(id) * 2 < info.elements) continue;
      ++wide;
      const bool read_by_all = std::all_of(wants.begin(), wants.end(), [&](const Want& want) {
        return std::any_of(uses_.groups[id].begin(), uses_.groups[id].end(),
                           [&](const Want& w) { return w.group == want.group; });
      });
      fresh += !read_by_all;
    }
    return wide <= 1 || fresh <= 1;
  }

  // What its cloned consumers cost already.
  int InheritedCost(int n) const {
    int cost = 0;
    for (int reader : consumers_[At(n)]) cost = std::max(cost, clone_cost_[At(reader)]);
    return cost;
  }

  int64_t ElementsOfValue(uint32_t id) const { return ElementsOf(graph_, id); }

  // ---- the result

  FusionGroups Finish() {
    FusionGroups result;
    std::vector<bool> made(At(graph_.nodes_size()), false);
    for (int n = 0; n < graph_.nodes_size(); ++n) made[At(n)] = alone_[At(n)];
    std::vector<const FusionGroup*> refused;
    for (const FusionGroup& group : groups_) {
      if (group.members.empty()) continue;
      if (group.members.size() == 1) {
        made[At(group.members[0])] = true;
      } else if (IsLowerable(graph_, group)) {
        result.groups.push_back(group);
      } else {
        refused.push_back(&group);
      }
    }
    // A group that has no loop nest after all: its nodes one by one.
    for (const FusionGroup* group : refused) {
      for (int n : group->members) made[At(n)] = true;
    }
    for (const FusionGroup& group : result.groups) {
      for (int n : group.exports) made[At(n)] = false;
    }
    for (int n = 0; n < graph_.nodes_size(); ++n) {
      if (made[At(n)]) result.alone.push_back(n);
    }
    return result;
  }

  const Graph& graph_;
  std::vector<FusionNodeInfo> infos_;
  std::vector<FusionGroup> groups_;
  std::vector<int> buffers_;  // by group: outputs so far (inputs are bounded by members)
  FusionUses uses_;
  std::vector<bool> is_output_;  // by value
  std::vector<int> maker_;       // by value
  std::vector<int> clone_cost_;  // by node: additions of its cloned consumers and itself
  std::vector<bool> alone_;      // by node
  std::vector<std::vector<int>> consumers_;  // by node: those that read its values
};

}  // namespace

FusionGroups FindFusionGroups(const Graph& graph) { return Finder(graph).Run(); }

}  // namespace strata::compiler
