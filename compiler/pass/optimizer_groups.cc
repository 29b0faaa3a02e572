#include "compiler/pass/optimizer_groups.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "compiler/pass/fusion_node_info.h"
#include "compiler/pass/fusion_region.h"

namespace strata::compiler {
namespace {

using graph::Graph;
using Role = FusionNodeInfo::Role;

constexpr size_t kMaxUpdate = 96;  // nodes of one parameter's update
// Additions an element that making a value again may cost.
constexpr int kRecomputeBudget = 64;

size_t At(int i) { return static_cast<size_t>(i); }

class Finder {
 public:
  explicit Finder(const Graph& graph)
      : graph_(graph),
        infos_(ReadFusionNodes(graph)),
        maker_(static_cast<size_t>(graph.values_size()), -1),
        readers_(static_cast<size_t>(graph.values_size())),
        is_output_(static_cast<size_t>(graph.values_size()), false),
        updates_(At(graph.nodes_size()), false),
        of_parameter_(At(graph.nodes_size()), false),
        group_(At(graph.nodes_size()), kNone) {
    for (const graph::Output& output : graph.outputs()) is_output_[output.value()] = true;
    for (int n = 0; n < graph.nodes_size(); ++n) {
      for (uint32_t id : graph.nodes(n).outputs()) maker_[id] = n;
      for (uint32_t id : graph.nodes(n).inputs()) readers_[id].push_back(n);
    }
    std::set<uint32_t> parameters;
    for (const graph::Input& input : graph.inputs()) {
      if (input.kind() == graph::PARAMETER) parameters.insert(input.value());
    }
    for (const graph::Update& update : graph.updates()) {
      const int maker = maker_[update.output()];
      if (maker < 0) continue;
      updates_[At(maker)] = true;
      if (parameters.count(update.input()) > 0) of_parameter_[At(maker)] = true;
    }
  }

  std::vector<FusionGroup> Run() {
    for (int n = graph_.nodes_size(); n-- > 0;) Visit(n);
    std::vector<FusionGroup> groups;
    for (auto& [root, members] : Members()) {
      if (MakesAParameter(members) && !HasAMakerOfItsOwn(root, members))
        groups.push_back(MakeGroup(members));
    }
    return groups;
  }

 private:
  static constexpr int kNone = -1;

  const FusionNodeInfo& Info(int n) const { return infos_[At(n)]; }
  uint32_t Out(int n) const { return graph_.nodes(n).outputs(0); }
  bool IsElementwise(int n) const {
    return Info(n).role == Role::kPointwise || Info(n).role == Role::kView;
  }

  // Groups are sets of nodes, named by one of them (union-find).
  int Root(int group) {
    while (group_[At(group)] != group) group = group_[At(group)] = group_[At(group_[At(group)])];
    return group;
  }

  // From the last node to the first, so that the groups of a node's readers are known. A node is of
  // the group of all its readers; a new value of an update that nobody reads begins one.
  void Visit(int n) {
    if (!IsElementwise(n)) return;
    const uint32_t v = Out(n);
    if (is_output_[v] && !updates_[At(n)]) return;
    if (readers_[v].empty() && !updates_[At(n)]) return;
    for (int reader : readers_[v]) {
      if (group_[At(reader)] == kNone || !AreViewsOfOneSpace(Info(reader).dims, Info(n).dims))
        return;
    }
    group_[At(n)] = n;
    for (int reader : readers_[v]) group_[At(Root(reader))] = n;
  }

  std::map<int, std::vector<int>> Members() {
    std::map<int, std::vector<int>> members;
    for (int n = 0; n < graph_.nodes_size(); ++n) {
      if (group_[At(n)] != kNone) members[Root(n)].push_back(n);
    }
    return members;
  }

  bool MakesAParameter(const std::vector<int>& members) const {
    return members.size() > 1 && members.size() <= kMaxUpdate &&
           std::any_of(members.begin(), members.end(), [&](int n) { return of_parameter_[At(n)]; });
  }

  bool IsSmaller(int n, int member) const { return Info(n).elements < Info(member).elements; }

  // Whether a node that general fusion could join makes a value for this group alone.
  bool HasAMakerOfItsOwn(int root, const std::vector<int>& members) {
    for (int member : members) {
      for (uint32_t id : graph_.nodes(member).inputs()) {
        const int maker = maker_[id];
        if (maker < 0 || group_[At(maker)] != kNone || Info(maker).elements == 1) continue;
        const Role role = Info(maker).role;
        if (role != Role::kReduction && role != Role::kMove && role != Role::kSlice) continue;
        if (is_output_[id]) continue;
        if (std::all_of(readers_[id].begin(), readers_[id].end(), [&](int reader) {
              return group_[At(reader)] != kNone && Root(reader) == root;
            })) {
          return true;
        }
      }
    }
    return false;
  }

  FusionGroup MakeGroup(const std::vector<int>& members) const {
    FusionGroup group;
    group.space = Info(members.front()).dims;
    std::set<int> all(members.begin(), members.end());
    for (int n : members) {
      if (updates_[At(n)]) group.exports.push_back(n);
      AddOperands(n, kRecomputeBudget, &all);
    }
    group.members.assign(all.begin(), all.end());
    return group;
  }

  // Constants, and what is as cheap to make again as to read.
  void AddOperands(int n, int budget, std::set<int>* members) const {
    for (uint32_t id : graph_.nodes(n).inputs()) {
      const int maker = maker_[id];
      if (maker < 0 || members->count(maker) > 0) continue;
      if (Info(maker).role == Role::kSource) {
        members->insert(maker);
      } else if (!IsSmaller(maker, n) && IsCheapFromMemory(maker, budget)) {
        members->insert(maker);
        AddOperands(maker, budget - Info(maker).cost, members);
      }
    }
  }

  // Elementwise from one value in memory, beside numbers: a cast of a library's result.
  bool IsCheapFromMemory(int n, int budget) const {
    if (!IsElementwise(n) || Info(n).cost > budget) return false;
    int wide = 0;
    for (uint32_t id : graph_.nodes(n).inputs()) {
      const int maker = maker_[id];
      if (maker >= 0 && (Info(maker).role == Role::kSource || Info(maker).elements == 1)) continue;
      ++wide;
      if (maker < 0 || Info(maker).role == Role::kOpaque) continue;
      if (!IsCheapFromMemory(maker, budget - Info(n).cost)) return false;
    }
    return wide == 1;
  }

  const Graph& graph_;
  std::vector<FusionNodeInfo> infos_;
  std::vector<int> maker_;                 // by value
  std::vector<std::vector<int>> readers_;  // by value
  std::vector<bool> is_output_;            // by value
  std::vector<bool> updates_;              // by node: makes the new value of an update
  std::vector<bool> of_parameter_;         // by node: of a parameter's
  std::vector<int> group_;                 // by node: another of its group, itself, or kNone
};

// IsLowerable(), asked once for groups that differ in names only, as those of a model's layers do.
class LowerableGroups {
 public:
  explicit LowerableGroups(const Graph& graph) : graph_(graph) {}

  bool Has(const FusionGroup& group) {
    const auto [found, fresh] = known_.try_emplace(KeyOf(group), false);
    if (fresh) found->second = IsLowerable(graph_, group);
    return found->second;
  }

 private:
  std::string KeyOf(const FusionGroup& group) const {
    std::vector<uint32_t> inputs;
    Graph region = MakeRegion(graph_, "", group.members, group.exports, &inputs);
    for (graph::Value& value : *region.mutable_values()) value.clear_name();
    for (graph::Output& output : *region.mutable_outputs()) output.clear_name();
    for (graph::Node& node : *region.mutable_nodes()) node.clear_origin();
    return region.SerializeAsString();
  }

  const Graph& graph_;
  std::map<std::string, bool> known_;
};

}  // namespace

std::vector<FusionGroup> FindOptimizerGroups(const Graph& graph) {
  std::vector<FusionGroup> groups = Finder(graph).Run();
  LowerableGroups lowerable(graph);
  groups.erase(std::remove_if(groups.begin(), groups.end(),
                              [&](const FusionGroup& group) { return !lowerable.Has(group); }),
               groups.end());
  return groups;
}

}  // namespace strata::compiler
