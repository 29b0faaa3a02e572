#include "compiler/pass/fusion_groups.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "compiler/loop/lower.h"
#include "compiler/loop/schedule.h"
#include "compiler/pass/fusion_node_info.h"
#include "compiler/pass/fusion_region.h"

namespace strata::compiler {
namespace {

using graph::Graph;
using graph::Node;
using loop::Kind;
using Role = FusionNodeInfo::Role;

constexpr size_t kMaxMembers = 96;
constexpr int kMaxBuffers = 28;
// Additions an element that recomputing may cost, all the way down, where it saves a round trip through memory.
constexpr int kRecomputeBudget = 64;
// Work on smaller values than the kernel's own is repeated; only this cheap.
constexpr int kRepeatBudget = 4;
constexpr int kMaxVisits = 4000;  // of a search for a cycle, then one is assumed
// Pairs that turned out not to fit, for each value with several readers.
constexpr int kMaxRefused = 12;
constexpr int64_t kLightElements = 4096;
constexpr int64_t kMergeElements = 64;
constexpr int64_t kLongRow = 64;

size_t At(int i) { return static_cast<size_t>(i); }

class Finder {
 public:
  explicit Finder(const Graph& graph)
      : graph_(graph),
        infos_(ReadFusionNodes(graph)),
        wants_(static_cast<size_t>(graph.values_size())),
        readers_(static_cast<size_t>(graph.values_size())),
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
    for (FusionGroup& group : groups_) Sort(&group);
    MergeSharers();
    return Finish();
  }

 private:
  struct Want {
    int group;
    bool aligned;  // at the index of the kernel's own element
  };

  const FusionNodeInfo& Info(int n) const { return infos_[At(n)]; }
  uint32_t Out(int n) const { return graph_.nodes(n).outputs(0); }

  // ---- one node

  void Visit(int n) {
    const FusionNodeInfo& info = Info(n);
    if (info.role == Role::kOpaque) return StandAlone(n);
    const uint32_t v = Out(n);
    const bool outside = is_output_[v] || !readers_[v].empty();
    const std::vector<Want> wants = wants_[v];
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
    wants_[Out(n)] = rest;
    if (Info(n).role == Role::kSlice) return WriteToMemory(n, rest);
    StandAlone(n);
  }

  void StandAlone(int n) {
    alone_[At(n)] = true;
    for (uint32_t id : graph_.nodes(n).inputs()) {
      if (readers_[id].empty() || readers_[id].back() != n) readers_[id].push_back(n);
    }
  }

  void WriteToMemory(int n, std::vector<Want> wants) {
    std::sort(wants.begin(), wants.end(), [&](const Want& a, const Want& b) {
      return groups_[At(a.group)].members.back() < groups_[At(b.group)].members.back();
    });
    for (const Want& want : wants) {
      if (!CanJoin(n, want, true) || ReachesGroup(n, want.group)) continue;
      Join(n, want, true);
      // Now only the others read it from memory.
      std::vector<Want>& all = wants_[Out(n)];
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
    if (group.members.size() >= kMaxMembers) return false;
    if (buffers_[At(want.group)] + graph_.nodes(n).inputs_size() + exported > kMaxBuffers)
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
      // Full elements around the reduction, or only work on its results so far (a row's is done by one lane).
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
      for (Want& w : wants_[id]) {
        if (w.group == want.group) found = &w;
      }
      if (found != nullptr) {
        found->aligned = found->aligned && aligned;
      } else {
        wants_[id].push_back({want.group, aligned});
      }
    }
  }

  // ---- is it worth it?

  // Recompute in every group that wants the value, rather than write it once and read it in each: when that costs few
  // additions and makes the kernels read no more than they would have read.
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
        return std::any_of(wants_[id].begin(), wants_[id].end(),
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

  int64_t ElementsOfValue(uint32_t id) const {
    int64_t n = 1;
    for (const graph::Dim& dim : graph_.values(static_cast<int>(id)).dims()) n *= dim.size();
    return n;
  }

  // ---- cycles

  // Whether a path leads from the value of `n` over something outside of `group` into `group`.
  bool ReachesGroup(int n, int group) {
    Search search;
    search.target = group;
    for (int member : groups_[At(group)].members) search.last = std::max(search.last, member);
    return FollowValue(Out(n), &search, /*skip=*/group) || Drain(&search);
  }

  // Whether a path leads from what group `from` writes, not straight, into group `to`.
  bool ReachesAround(int from, int to) {
    Search search;
    search.target = to;
    for (int member : groups_[At(to)].members) search.last = std::max(search.last, member);
    for (int member : groups_[At(from)].exports) {
      if (FollowValue(Out(member), &search, /*skip=*/to)) return true;
    }
    return Drain(&search);
  }

  struct Search {
    int target = -1;
    int last = -1;  // no later node can lead into the target
    int visits = 0;
    std::set<int> groups, nodes;
    std::vector<std::pair<bool, int>> stack;  // (is group, index)
  };

  // Puts the readers of a value on the stack; true when the target is among them (unless skipped).
  bool FollowValue(uint32_t v, Search* search, int skip) {
    for (const Want& want : wants_[v]) {
      if (want.group == skip) continue;
      if (want.group == search->target) return true;
      if (search->groups.insert(want.group).second) search->stack.push_back({true, want.group});
    }
    for (int reader : readers_[v]) {
      if (reader < search->last && search->nodes.insert(reader).second)
        search->stack.push_back({false, reader});
    }
    return false;
  }

  bool Drain(Search* search) {
    while (!search->stack.empty()) {
      if (++search->visits > kMaxVisits) return true;
      const auto [is_group, index] = search->stack.back();
      search->stack.pop_back();
      if (!is_group) {
        for (uint32_t id : graph_.nodes(index).outputs()) {
          if (FollowValue(id, search, -1)) return true;
        }
        continue;
      }
      for (int member : groups_[At(index)].exports) {
        if (member < search->last && FollowValue(Out(member), search, -1)) return true;
      }
    }
    return false;
  }

  // ---- merging groups that read the same

  static void Sort(FusionGroup* group) {
    std::sort(group->members.begin(), group->members.end());
    std::sort(group->exports.begin(), group->exports.end());
  }

  bool Lowers(const FusionGroup& group) const {
    std::vector<uint32_t> inputs;
    absl::StatusOr<loop::Computation> computation = loop::Lower(
        MakeRegion(graph_, loop::KindName(group.kind), group.members, group.exports, &inputs));
    return computation.ok() && loop::Schedule(*std::move(computation)).ok();
  }

  // Horizontal fusion: kernels over one iteration space that share an operand become one, which reads it once.
  void MergeSharers() {
    FillExporters();
    for (int v = 0; v < graph_.values_size(); ++v) {
      if (wants_[static_cast<size_t>(v)].empty()) continue;
      if (maker_[static_cast<size_t>(v)] >= 0 &&
          Info(maker_[static_cast<size_t>(v)]).role == Role::kSource) {
        continue;  // every kernel has its own
      }
      std::vector<int> sharers = SharersOf(static_cast<uint32_t>(v));
      std::sort(sharers.begin(), sharers.end(), [&](int a, int b) {
        return groups_[At(a)].members.front() < groups_[At(b)].members.front();
      });
      MergeAmong(&sharers);
    }
  }

  enum class Merge { kDone, kUnlike, kRefused, kFull };

  // Each with those after it until it is full, as long as not too many pairs turn out not to fit.
  void MergeAmong(std::vector<int>* sharers) {
    int refused = 0;
    for (size_t i = 0; i < sharers->size(); ++i) {
      for (size_t j = i + 1; j < sharers->size() && refused < kMaxRefused;) {
        const int a = (*sharers)[i], b = (*sharers)[j];
        const Merge merge = MayMerge(a, b) ? TryMerge(a, b) : Merge::kUnlike;
        if (merge == Merge::kFull) break;
        if (merge == Merge::kDone) {
          sharers->erase(sharers->begin() + static_cast<int64_t>(j));
        } else {
          refused += merge == Merge::kRefused;
          ++j;
        }
      }
    }
  }

  // The groups that read or write a value and might be one kernel for its sake. Sharing a small
  // value saves no traffic, but kernels of single numbers, and those that move so little that the
  // launch is what they cost (updates of gains and biases), are better one than many.
  std::vector<int> SharersOf(uint32_t v) const {
    std::set<int> groups;
    for (const Want& want : wants_[v]) groups.insert(want.group);
    if (maker_[v] >= 0) {
      auto it = exporter_.find(maker_[v]);
      if (it != exporter_.end()) groups.insert(it->second);
    }
    const bool small = ElementsOfValue(v) < kMergeElements;
    std::vector<int> sharers;
    for (int g : groups) {
      const FusionGroup& group = groups_[At(g)];
      const bool light = group.kind == Kind::kLoop && ElementsOf(group.space) <= kLightElements;
      if (!small || light) sharers.push_back(g);
    }
    return sharers;
  }

  void FillExporters() {
    for (size_t g = 0; g < groups_.size(); ++g) {
      for (int member : groups_[g].exports) exporter_[member] = static_cast<int>(g);
    }
  }

  bool HasMoves(const FusionGroup& group) const {
    return std::any_of(group.members.begin(), group.members.end(),
                       [&](int n) { return Info(n).role == Role::kMove; });
  }

  // Whether one kernel can serve both: the same space, and reductions of one kind.
  bool AreAlike(const FusionGroup& a, const FusionGroup& b) const {
    if (a.kind == Kind::kLoop && b.kind == Kind::kLoop) return AreViewsOfOneSpace(a.space, b.space);
    if (a.kind == b.kind) return a.space == b.space && a.kept == b.kept;
    const FusionGroup& plain = a.kind == Kind::kLoop ? a : b;
    const FusionGroup& other = a.kind == Kind::kLoop ? b : a;
    if (plain.kind != Kind::kLoop || plain.space != other.space || HasMoves(plain)) return false;
    return other.kind == Kind::kRow ||
           std::none_of(plain.exports.begin(), plain.exports.end(),
                        [&](int n) { return Info(n).after_row_reduction; });
  }

  // Operands from outside, and results.
  size_t BuffersOf(const std::vector<int>& members, size_t exports) const {
    std::set<uint32_t> inputs;
    for (int n : members) {
      for (uint32_t id : graph_.nodes(n).inputs()) {
        if (maker_[id] < 0 || !std::binary_search(members.begin(), members.end(), maker_[id]))
          inputs.insert(id);
      }
    }
    return inputs.size() + exports;
  }

  // What can be told at once.
  bool MayMerge(int a, int b) const {
    const FusionGroup &first = groups_[At(a)], &second = groups_[At(b)];
    if (a == b || first.members.empty() || second.members.empty()) return false;
    if (first.members.size() + second.members.size() > kMaxMembers) return false;
    // Every result needs its buffer, and one more at least is read.
    if (first.exports.size() + second.exports.size() >= static_cast<size_t>(kMaxBuffers))
      return false;
    return AreAlike(first, second);
  }

  Merge TryMerge(int a, int b) {
    FusionGroup& first = groups_[At(a)];
    FusionGroup& second = groups_[At(b)];
    if (ReachesAround(a, b) || ReachesAround(b, a)) return Merge::kRefused;
    FusionGroup merged;
    const FusionGroup& leader = first.kind == Kind::kLoop ? second : first;
    merged.kind = leader.kind;
    merged.space = leader.space;
    merged.kept = leader.kept;
    std::set_union(first.members.begin(), first.members.end(), second.members.begin(),
                   second.members.end(), std::back_inserter(merged.members));
    for (int n : first.exports) merged.exports.push_back(n);
    for (int n : second.exports) merged.exports.push_back(n);
    // What only the other half read need not be written any more.
    merged.exports.erase(std::remove_if(merged.exports.begin(), merged.exports.end(),
                                        [&](int n) {
                                          const uint32_t v = Out(n);
                                          if (is_output_[v] || !readers_[v].empty()) return false;
                                          return std::all_of(wants_[v].begin(), wants_[v].end(),
                                                             [&](const Want& w) {
                                                               return w.group == a || w.group == b;
                                                             });
                                        }),
                         merged.exports.end());
    Sort(&merged);
    if (BuffersOf(merged.members, merged.exports.size()) > static_cast<size_t>(kMaxBuffers))
      return Merge::kFull;
    if (!Lowers(merged)) return Merge::kRefused;
    Rename(b, a, merged);
    return Merge::kDone;
  }

  // Group `a` becomes `merged`; `b` is no more.
  void Rename(int b, int a, const FusionGroup& merged) {
    std::set<uint32_t> operands;
    for (int n : merged.members) {
      for (uint32_t id : graph_.nodes(n).inputs()) operands.insert(id);
    }
    for (uint32_t id : operands) {
      std::vector<Want>& wants = wants_[id];
      bool wanted = false;
      for (const Want& want : wants) wanted = wanted || want.group == a || want.group == b;
      wants.erase(std::remove_if(wants.begin(), wants.end(),
                                 [&](const Want& w) { return w.group == a || w.group == b; }),
                  wants.end());
      const bool inside = maker_[id] >= 0 && std::binary_search(merged.members.begin(),
                                                                merged.members.end(), maker_[id]);
      if (wanted && !inside) wants.push_back({a, false});
    }
    for (int g : {a, b}) {
      for (int n : groups_[At(g)].exports) exporter_.erase(n);
    }
    for (int n : merged.exports) exporter_[n] = a;
    groups_[At(a)] = merged;
    groups_[At(b)] = FusionGroup{};
  }

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
      } else if (Lowers(group)) {
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
  std::vector<std::vector<Want>> wants_;   // by value: groups that read it
  std::vector<std::vector<int>> readers_;  // by value: nodes outside of groups that read it
  std::vector<bool> is_output_;            // by value
  std::vector<int> maker_;                 // by value
  std::vector<int> clone_cost_;            // by node: additions of its cloned consumers and itself
  std::vector<bool> alone_;                // by node
  std::vector<std::vector<int>> consumers_;  // by node: those that read its values
  std::map<int, int> exporter_;              // node -> group that writes it
};

}  // namespace

FusionGroups FindFusionGroups(const Graph& graph) { return Finder(graph).Run(); }

}  // namespace strata::compiler
