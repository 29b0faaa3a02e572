#include "compiler/pass/horizontal_fusion.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

namespace strata::compiler {
namespace {

using loop::Kind;
using Role = FusionNodeInfo::Role;

// Pairs that turned out not to fit, for each value with several readers.
constexpr int kMaxRefused = 12;
// Values of fewer numbers are small; groups of no more are light.
constexpr int64_t kMergeElements = 64;
constexpr int64_t kLightElements = 4096;

size_t At(int i) { return static_cast<size_t>(i); }

class Merger {
 public:
  Merger(const graph::Graph& graph, const std::vector<FusionNodeInfo>& infos,
         std::vector<FusionGroup>* groups, FusionUses* uses)
      : graph_(graph),
        infos_(infos),
        groups_(*groups),
        uses_(*uses),
        is_output_(static_cast<size_t>(graph.values_size()), false),
        maker_(static_cast<size_t>(graph.values_size()), -1) {
    for (const auto& output : graph.outputs()) is_output_[output.value()] = true;
    for (int n = 0; n < graph.nodes_size(); ++n) {
      for (uint32_t id : graph.nodes(n).outputs()) maker_[id] = n;
    }
    for (size_t g = 0; g < groups_.size(); ++g) {
      for (int member : groups_[g].exports) exporter_[member] = static_cast<int>(g);
    }
  }

  void Run() {
    for (int v = 0; v < graph_.values_size(); ++v) {
      if (uses_.groups[static_cast<size_t>(v)].empty()) continue;
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

 private:
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
    for (const GroupUse& want : uses_.groups[v]) groups.insert(want.group);
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
    if (first.members.size() + second.members.size() > kMaxFusedNodes) return false;
    // Every result needs its buffer, and one more at least is read.
    if (first.exports.size() + second.exports.size() >= static_cast<size_t>(kMaxFusedBuffers))
      return false;
    return AreAlike(first, second);
  }

  Merge TryMerge(int a, int b) {
    FusionGroup& first = groups_[At(a)];
    FusionGroup& second = groups_[At(b)];
    if (ReachesAround(graph_, groups_, uses_, a, b) || ReachesAround(graph_, groups_, uses_, b, a))
      return Merge::kRefused;
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
    merged.exports.erase(
        std::remove_if(merged.exports.begin(), merged.exports.end(),
                       [&](int n) {
                         const uint32_t v = Out(n);
                         if (is_output_[v] || !uses_.nodes[v].empty()) return false;
                         return std::all_of(
                             uses_.groups[v].begin(), uses_.groups[v].end(),
                             [&](const GroupUse& w) { return w.group == a || w.group == b; });
                       }),
        merged.exports.end());
    SortGroup(&merged);
    if (BuffersOf(merged.members, merged.exports.size()) > static_cast<size_t>(kMaxFusedBuffers))
      return Merge::kFull;
    if (!IsLowerable(graph_, merged)) return Merge::kRefused;
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
      std::vector<GroupUse>& wants = uses_.groups[id];
      bool wanted = false;
      for (const GroupUse& want : wants) wanted = wanted || want.group == a || want.group == b;
      wants.erase(std::remove_if(wants.begin(), wants.end(),
                                 [&](const GroupUse& w) { return w.group == a || w.group == b; }),
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

  const FusionNodeInfo& Info(int n) const { return infos_[At(n)]; }
  uint32_t Out(int n) const { return graph_.nodes(n).outputs(0); }
  int64_t ElementsOfValue(uint32_t id) const { return ElementsOf(graph_, id); }

  const graph::Graph& graph_;
  const std::vector<FusionNodeInfo>& infos_;
  std::vector<FusionGroup>& groups_;
  FusionUses& uses_;
  std::vector<bool> is_output_;  // by value
  std::vector<int> maker_;       // by value
  std::map<int, int> exporter_;  // node -> group that writes it
};

}  // namespace

void MergeHorizontally(const graph::Graph& graph, const std::vector<FusionNodeInfo>& infos,
                       std::vector<FusionGroup>* groups, FusionUses* uses) {
  Merger(graph, infos, groups, uses).Run();
}

}  // namespace strata::compiler
