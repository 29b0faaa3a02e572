#include "compiler/pass/recompute.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/memory/save_or_recompute.h"
#include "compiler/pass/joint_graph.h"
#include "framework/graph/op_def.h"
#include "framework/graph/types.h"

namespace strata::compiler {
namespace {

using graph::Graph;
using graph::kNoValue;
using graph::Node;
using graph::ValueId;

size_t At(int i) { return static_cast<size_t>(i); }

// Writes the graph with its nodes made again.
class Rewrite {
 public:
  Rewrite(const JointGraph& joint, const Partition& partition, Graph* graph)
      : joint_(joint),
        partition_(partition),
        graph_(*graph),
        again_(At(graph->values_size()), kNoValue) {
    for (const graph::Value& value : graph->values()) names_.insert(value.name());
    feeds_again_.assign(again_.size(), false);
    for (int n = 0; n < graph->nodes_size(); ++n) {
      if (!partition.recomputed[At(n)]) continue;
      for (uint32_t id : graph->nodes(n).inputs()) feeds_again_[id] = true;
    }
  }

  void Run() {
    old_.Swap(graph_.mutable_nodes());
    for (int n = 0; n < old_.size(); ++n) {
      Node* node = old_.Mutable(n);
      if (!joint_.forward[At(n)]) {
        for (uint32_t& id : *node->mutable_inputs()) id = InBackward(id);
      }
      if (joint_.is_kernel[At(n)] && node->outputs_size() > 0) event_ = node->outputs(0);
      if (joint_.forward[At(n)]) {
        *graph_.add_nodes() = *node;  // it may be copied again
      } else {
        graph_.add_nodes()->Swap(node);
      }
    }
  }

 private:
  // What the backward pass reads in the place of a value.
  ValueId InBackward(ValueId id) {
    const int maker = id < joint_.maker.size() ? joint_.maker[id] : -1;
    if (maker < 0 || !joint_.keepable[id]) return id;
    if (again_[id] != kNoValue) return again_[id];
    if (partition_.recomputed[At(maker)]) {
      RunAgain(old_.Get(maker));
    } else {
      again_[id] = feeds_again_[id] ? After(id) : id;
    }
    return again_[id];
  }

  void RunAgain(const Node& node) {
    Node copy = node;  // its operands have not been touched: it is of the forward pass
    bool waits = false;
    for (uint32_t& id : *copy.mutable_inputs()) {
      const ValueId there = InBackward(id);
      waits = waits || there != id;
      id = there;
    }
    if (!waits) copy.set_inputs(0, After(copy.inputs(0)));  // made of inputs and constants alone
    for (int i = 0; i < copy.outputs_size(); ++i) {
      const ValueId old = copy.outputs(i), fresh = AddValue(old, ".again");
      again_[old] = fresh;
      copy.set_outputs(i, fresh);
    }
    graph_.add_nodes()->Swap(&copy);
  }

  ValueId After(ValueId id) {
    if (event_ == kNoValue) return id;
    const ValueId fresh = AddValue(id, ".kept");
    Node* node = graph_.add_nodes();
    node->set_op("after");
    node->add_inputs(id);
    node->add_inputs(event_);
    node->add_outputs(fresh);
    if (joint_.maker[id] >= 0) node->set_origin(old_.Get(joint_.maker[id]).origin());
    return fresh;
  }

  ValueId AddValue(ValueId like, const std::string& suffix) {
    const ValueId id = static_cast<ValueId>(graph_.values_size());
    graph::Value value = graph_.values(static_cast<int>(like));
    value.clear_gradient_of();
    std::string name = absl::StrCat(value.name(), suffix);
    for (int k = 1; !names_.insert(name).second; ++k)
      name = absl::StrCat(value.name(), suffix, "_", k);
    value.set_name(name);
    graph_.add_values()->Swap(&value);
    return id;
  }

  const JointGraph& joint_;
  const Partition& partition_;
  Graph& graph_;
  google::protobuf::RepeatedPtrField<Node> old_;
  std::vector<ValueId> again_;     // by value of the forward pass: what the backward pass reads
  std::vector<bool> feeds_again_;  // by value: a node that runs again reads it
  ValueId event_ = kNoValue;       // the last result of a kernel so far
  std::set<std::string> names_;
};

double BytesOf(const Graph& graph, const ForwardPass& pass, const std::vector<bool>& kept) {
  double bytes = 0;
  for (size_t v = 0; v < pass.values.size(); ++v) {
    if (kept[v])
      bytes += static_cast<double>(TypeOf(graph.values(static_cast<int>(v))).size_bytes());
  }
  return bytes;
}

}  // namespace

int ForwardDepth(const Graph& graph) {
  const JointGraph joint(graph);
  if (!joint.has_backward) return 0;
  const std::vector<int> level = KernelLevels(graph, joint);
  int depth = 0;
  for (size_t n = 0; n < level.size(); ++n) {
    if (joint.forward[n]) depth = std::max(depth, level[n]);
  }
  return depth;
}

absl::StatusOr<Recomputed> Recompute(const RecomputePolicy& policy, Graph* graph) {
  if (!(policy.bytes_a_flop >= 0)) return absl::InvalidArgumentError("bytes_a_flop: must be >= 0");
  Recomputed done;
  const JointGraph joint(*graph);
  if (!joint.has_backward) return done;
  const ForwardPass pass = ForwardPassOf(*graph, joint, policy);
  const Partition partition = SaveOrRecompute(pass);
  std::vector<bool> before(pass.values.size());
  for (size_t v = 0; v < before.size(); ++v) before[v] = pass.values[v].needed;
  done.bytes_less = BytesOf(*graph, pass, before) - BytesOf(*graph, pass, partition.saved);
  for (int n = 0; n < graph->nodes_size(); ++n) {
    if (!partition.recomputed[At(n)]) continue;
    ++done.nodes;
    done.flops += FlopsOf(*graph, graph->nodes(n));
  }
  if (done.nodes > 0) Rewrite(joint, partition, graph).Run();
  return done;
}

}  // namespace strata::compiler
