#include "compiler/pass/npu_fusion.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "compiler/pass/fusion_region.h"
#include "compiler/pass/graph_uses.h"
#include "compiler/pass/node_order.h"
#include "compiler/pass/rewriter.h"
#include "framework/graph/attributes.h"
#include "framework/graph/op_def.h"

namespace strata::compiler {
namespace {

using graph::Graph;
using graph::Node;
using graph::OpClass;

constexpr size_t kMostMembers = 64;
constexpr int kNoGroup = -1;

// The sum of an image's pixels, channel by channel: a window as large as the image.
bool IsImageSum(const graph::OpCall& call) {
  if (call.node->op() != "reduce_sum" || call.inputs[0].rank() != 4) return false;
  const std::vector<int64_t> axes = call.attrs().Ints("axes");
  return call.inputs[0].dtype == chips::I32 && axes.size() == 2 && axes[0] == 1 && axes[1] == 2;
}

bool IsProduct(const Graph& graph, const Node& node) {
  return node.op() == "matmul" || node.op() == "conv2d" || node.op() == "max_pool2d" ||
         (node.op() == "reduce_sum" && IsImageSum(graph::CallOf(graph, node)));
}

class Grouper {
 public:
  Grouper(const PassContext& context, const Graph& graph)
      : context_(context),
        graph_(graph),
        uses_(graph),
        group_of_(static_cast<size_t>(graph.nodes_size()), kNoGroup) {}

  // Members, sorted; of at least two nodes that are more than constants.
  std::vector<std::vector<int>> Run() {
    for (int n = 0; n < graph_.nodes_size(); ++n) {
      if (!IsProduct(graph_, graph_.nodes(n))) continue;
      const int group = Open(n);
      TakeWidening(group);
      Grow(group);
    }
    for (int n = 0; n < graph_.nodes_size(); ++n) {
      if (group_of_[static_cast<size_t>(n)] == kNoGroup && IsVectorWork(n)) Join(n);
    }
    std::vector<std::vector<int>> groups;
    for (const std::vector<int>& members : groups_) {
      if (members.size() > 1) groups.push_back(WithConstants(members));
    }
    return groups;
  }

 private:
  OpClass ClassOf(int n) const {
    return graph::OpRegistry::Get().Find(graph_.nodes(n).op())->op_class;
  }

  bool IsConstant(int n) const {
    const Node& node = graph_.nodes(n);
    if (node.op() == "constant") return true;
    if (node.op() != "broadcast_to") return false;
    const int maker = uses_.maker(node.inputs(0));
    return maker >= 0 && IsConstant(maker);
  }

  bool IsElementwise(int n) const {
    const std::string& op = graph_.nodes(n).op();
    if (op == "requantize") return true;
    if (IsConstant(n) || graph_.nodes(n).outputs_size() != 1) return false;
    return ClassOf(n) == OpClass::kElementwise && graph_.nodes(n).inputs_size() > 0;
  }

  bool IsVectorWork(int n) const {
    return IsElementwise(n) ||
           (ClassOf(n) == OpClass::kReduction && graph_.nodes(n).outputs_size() == 1);
  }

  int Open(int n) {
    group_of_[static_cast<size_t>(n)] = static_cast<int>(groups_.size());
    groups_.push_back({n});
    return static_cast<int>(groups_.size()) - 1;
  }

  // A cast to int32 that only a sum reads is done on the way.
  void TakeWidening(int group) {
    const Node& sum = graph_.nodes(groups_[static_cast<size_t>(group)][0]);
    const int maker = uses_.maker(sum.inputs(0));
    if (sum.op() != "reduce_sum" || maker < 0 || graph_.nodes(maker).op() != "cast") return;
    const bool free = group_of_[static_cast<size_t>(maker)] == kNoGroup;
    if (free && uses_.readers(sum.inputs(0)).size() == 1 && !uses_.is_output(sum.inputs(0))) {
      TryAdd(maker, group);
    }
  }

  // Takes into a product's group what follows it, in the graph's order.
  void Grow(int group) {
    for (int n = groups_[static_cast<size_t>(group)][0] + 1; n < graph_.nodes_size(); ++n) {
      const bool free = group_of_[static_cast<size_t>(n)] == kNoGroup && IsElementwise(n);
      if (free && Reads(n, group)) TryAdd(n, group);
    }
    DropWideningEnds(group);
  }

  // A cast to a wider type is better done by who reads it: its operand is the smaller one to write.
  void DropWideningEnds(int group) {
    std::vector<int>& members = groups_[static_cast<size_t>(group)];
    for (size_t i = members.size(); i-- > 1;) {
      if (members[i] < members[0]) continue;
      const graph::OpCall call = graph::CallOf(graph_, graph_.nodes(members[i]));
      if (call.node->op() != "cast" ||
          chips::SizeOf(call.outputs[0].dtype) <= chips::SizeOf(call.inputs[0].dtype)) {
        continue;
      }
      const std::vector<int>& readers = uses_.readers(call.node->outputs(0));
      const bool read = std::any_of(readers.begin(), readers.end(), [&](int reader) {
        return group_of_[static_cast<size_t>(reader)] == group;
      });
      if (read || !Accepts(Without(members, i))) continue;
      group_of_[static_cast<size_t>(members[i])] = kNoGroup;
      members.erase(members.begin() + static_cast<int64_t>(i));
    }
  }

  static std::vector<int> Without(std::vector<int> members, size_t i) {
    members.erase(members.begin() + static_cast<int64_t>(i));
    return members;
  }

  // Into the group of one of its operands, or a new one.
  void Join(int n) {
    for (const uint32_t input : graph_.nodes(n).inputs()) {
      const int maker = uses_.maker(input);
      const int group = maker < 0 ? kNoGroup : group_of_[static_cast<size_t>(maker)];
      if (group == kNoGroup ||
          IsProduct(graph_, graph_.nodes(groups_[static_cast<size_t>(group)][0]))) {
        continue;
      }
      if (!TryAdd(n, group)) continue;
      MergeOperands(n, group);
      return;
    }
    Open(n);
  }

  // Takes in the other groups that make operands of a member: both sides of a residual sum.
  void MergeOperands(int n, int group) {
    for (const uint32_t input : graph_.nodes(n).inputs()) {
      const int maker = uses_.maker(input);
      const int other = maker < 0 ? kNoGroup : group_of_[static_cast<size_t>(maker)];
      if (other == kNoGroup || other == group) continue;
      if (!IsProduct(graph_, graph_.nodes(groups_[static_cast<size_t>(other)][0]))) {
        TryMerge(other, group);
      }
    }
  }

  // `other` makes an operand of the group, so that no path leads from the group to it.
  void TryMerge(int other, int group) {
    std::vector<int>& members = groups_[static_cast<size_t>(group)];
    std::vector<int>& more = groups_[static_cast<size_t>(other)];
    if (members.size() + more.size() > kMostMembers) return;
    const auto is_in = [this](int at, int which) {
      return group_of_[static_cast<size_t>(at)] == which;
    };
    std::vector<int> before;
    AppendMakers(members, &before);
    before.erase(std::remove_if(before.begin(), before.end(),
                                [&](int at) { return is_in(at, group) || is_in(at, other); }),
                 before.end());
    if (AnyBefore(before, [&](int at) { return is_in(at, other); })) return;
    std::vector<int> both = members;
    both.insert(both.end(), more.begin(), more.end());
    if (!Accepts(both)) return;
    for (const int member : more) group_of_[static_cast<size_t>(member)] = group;
    more.clear();
    members = std::move(both);
  }

  bool Reads(int n, int group) const {
    const google::protobuf::RepeatedField<uint32_t>& inputs = graph_.nodes(n).inputs();
    return std::any_of(inputs.begin(), inputs.end(), [&](uint32_t input) {
      const int maker = uses_.maker(input);
      return maker >= 0 && group_of_[static_cast<size_t>(maker)] == group;
    });
  }

  bool TryAdd(int n, int group) {
    std::vector<int>& members = groups_[static_cast<size_t>(group)];
    if (members.size() >= kMostMembers || LeadsAround(group, n)) return false;
    members.push_back(n);
    if (!Accepts(members)) {
      members.pop_back();
      return false;
    }
    group_of_[static_cast<size_t>(n)] = group;
    return true;
  }

  // Makers of the operands of nodes.
  void AppendMakers(const std::vector<int>& readers, std::vector<int>* makers) const {
    for (const int reader : readers) {
      for (const uint32_t input : graph_.nodes(reader).inputs()) {
        if (uses_.maker(input) >= 0) makers->push_back(uses_.maker(input));
      }
    }
  }

  // Whether a path leads from the group to the node, or from the node to the group, through others. A
  // group is one node of such paths.
  bool LeadsAround(int group, int n) const {
    const auto is_member = [&](int at) { return group_of_[static_cast<size_t>(at)] == group; };
    std::vector<int> before_node, before_group;
    AppendMakers({n}, &before_node);
    AppendMakers(groups_[static_cast<size_t>(group)], &before_group);
    before_node.erase(std::remove_if(before_node.begin(), before_node.end(), is_member),
                      before_node.end());
    before_group.erase(std::remove_if(before_group.begin(), before_group.end(), is_member),
                       before_group.end());
    return AnyBefore(before_node, is_member) ||
           AnyBefore(before_group, [n](int at) { return at == n; });
  }

  // Whether one of the nodes, or one that they depend on, is what is looked for.
  template <typename Predicate>
  bool AnyBefore(std::vector<int> open, Predicate is_wanted) const {
    std::set<int> seen(open.begin(), open.end());
    while (!open.empty()) {
      const int at = open.back();
      open.pop_back();
      if (is_wanted(at)) return true;
      const int group = group_of_[static_cast<size_t>(at)];
      std::vector<int> makers;
      AppendMakers(group == kNoGroup ? std::vector<int>{at} : groups_[static_cast<size_t>(group)],
                   &makers);
      for (const int maker : makers) {
        if (seen.insert(maker).second) open.push_back(maker);
      }
    }
    return false;
  }

  bool Accepts(const std::vector<int>& members) const {
    if (!context_.npu_accepts) return true;
    const std::vector<int> all = WithConstants(members);
    std::vector<uint32_t> inputs;
    return context_.npu_accepts(MakeRegion(graph_, "group", all, Exports(all), &inputs)).ok();
  }

  std::vector<int> WithConstants(const std::vector<int>& members) const {
    std::set<int> all(members.begin(), members.end());
    std::vector<int> open = members;
    while (!open.empty()) {
      const int n = open.back();
      open.pop_back();
      for (const uint32_t input : graph_.nodes(n).inputs()) {
        const int maker = uses_.maker(input);
        if (maker >= 0 && IsConstant(maker) && all.insert(maker).second) open.push_back(maker);
      }
    }
    return std::vector<int>(all.begin(), all.end());
  }

 public:
  // Members whose values are read outside; constants are not: they stay nodes of their own where
  // others read them.
  std::vector<int> Exports(const std::vector<int>& members) const {
    std::vector<int> exports;
    for (const int n : members) {
      if (IsConstant(n)) continue;
      const uint32_t value = graph_.nodes(n).outputs(0);
      const std::vector<int>& readers = uses_.readers(value);
      const bool outside = std::any_of(readers.begin(), readers.end(), [&](int reader) {
        return !std::binary_search(members.begin(), members.end(), reader);
      });
      if (outside || uses_.is_output(value)) exports.push_back(n);
    }
    return exports;
  }

  // Constants that something outside of groups reads.
  bool StaysToo(int n, const std::set<int>& inside) const {
    if (!IsConstant(n)) return false;
    const uint32_t value = graph_.nodes(n).outputs(0);
    if (uses_.is_output(value)) return true;
    const std::vector<int>& readers = uses_.readers(value);
    return std::any_of(readers.begin(), readers.end(), [&](int reader) {
      return inside.count(reader) == 0 || StaysToo(reader, inside);
    });
  }

 private:
  const PassContext& context_;
  const Graph& graph_;
  const GraphUses uses_;
  std::vector<int> group_of_;
  std::vector<std::vector<int>> groups_;
};

bool IsConcrete(const Graph& graph) {
  return std::all_of(graph.values().begin(), graph.values().end(),
                     [](const graph::Value& value) { return graph::TypeOf(value).concrete(); });
}

class NpuFusion : public Pass {
 public:
  absl::string_view name() const override { return "npu_fusion"; }

  absl::StatusOr<bool> Run(const PassContext& context, Graph* graph) override {
    if (!IsConcrete(*graph)) return false;
    Grouper grouper(context, *graph);
    const std::vector<std::vector<int>> groups = grouper.Run();
    if (groups.empty()) return false;
    std::set<int> inside;
    for (const std::vector<int>& members : groups) inside.insert(members.begin(), members.end());
    std::vector<std::pair<int, Node>> nodes;
    for (int n = 0; n < graph->nodes_size(); ++n) {
      if (inside.count(n) == 0 || grouper.StaysToo(n, inside))
        nodes.push_back({n, graph->nodes(n)});
    }
    for (const std::vector<int>& members : groups) {
      const std::vector<int> exports = grouper.Exports(members);
      if (exports.empty()) continue;  // nobody reads it
      Node node = MakeFusion(*graph, kNpuKind, members, exports);
      graph::SetAttributes({{"kind", graph::Attr(kNpuKind)}}, &node);
      nodes.push_back({exports.front(), std::move(node)});
    }
    std::stable_sort(nodes.begin(), nodes.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    const std::vector<size_t> ordered = InOrder(*graph, nodes);
    if (ordered.size() != nodes.size()) {
      return absl::InternalError("groups depend on each other in a circle");
    }
    graph->clear_nodes();
    for (const size_t i : ordered) *graph->add_nodes() = std::move(nodes[i].second);
    DropUnmadeValues(graph);
    return true;
  }
};

}  // namespace

std::unique_ptr<Pass> CreateNpuFusion() { return std::make_unique<NpuFusion>(); }

}  // namespace strata::compiler
