#include "compiler/pass/joint_graph.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "framework/graph/op_def.h"
#include "framework/graph/types.h"

namespace strata::compiler {
namespace {

using graph::Graph;
using graph::Node;
using graph::OpClass;

// Prices are whole numbers: an eighth of a byte.
constexpr int64_t kUnitsAByte = 8;
// A value that no kernel boundary needs in memory costs its write, too.
constexpr int64_t kUnitsAByteFused = 9;

size_t At(int i) { return static_cast<size_t>(i); }

const graph::OpDef* DefOf(const Node& node) { return graph::OpRegistry::Get().Find(node.op()); }

bool IsConcrete(const Graph& graph) {
  for (const graph::Value& value : graph.values()) {
    for (const graph::Dim& dim : value.dims()) {
      if (dim.has_symbol()) return false;
    }
  }
  return true;
}

// Values that depend on a gradient, the gradients themselves included.
std::vector<bool> BehindGradients(const Graph& graph) {
  std::vector<bool> behind(At(graph.values_size()), false);
  for (size_t v = 0; v < behind.size(); ++v)
    behind[v] = !graph.values(static_cast<int>(v)).gradient_of().empty();
  for (const Node& node : graph.nodes()) {
    bool depends = false;
    for (uint32_t id : node.inputs()) depends = depends || behind[id];
    for (uint32_t id : node.outputs()) behind[id] = behind[id] || depends;
  }
  return behind;
}

// Flops that an op's flop is worth.
double Weight(const std::string& op) {
  static const auto* const kSlow =
      new std::set<std::string>{"exp", "log", "tanh", "erf", "sigmoid", "sin", "cos", "pow"};
  static const auto* const kSlowish =
      new std::set<std::string>{"div", "sqrt", "rsqrt", "reciprocal"};
  return kSlow->count(op) > 0 ? 8 : kSlowish->count(op) > 0 ? 4 : 1;
}

bool MayRunAgain(const Node& node, int n, const RecomputePolicy& policy) {
  const graph::OpDef* def = DefOf(node);
  if (def == nullptr || !def->deterministic || n >= policy.among_first) return false;
  if (def->op_class == OpClass::kCollective) return false;
  // What joins pieces is written to memory as a whole: making it again costs as many bytes as keeping it saves.
  if (policy.cheap_only && (node.op() == "concat" || node.op() == "pad")) return false;
  return !policy.cheap_only || def->op_class == OpClass::kElementwise ||
         def->op_class == OpClass::kView || def->op_class == OpClass::kMovement ||
         node.op() == "broadcast_to";
}

// By value: a kernel of the backward pass that nothing fuses with reads it, perhaps as a view.
std::vector<bool> ReadByBackwardKernels(const Graph& graph, const JointGraph& joint) {
  std::vector<bool> read(At(graph.values_size()), false);
  for (int n = graph.nodes_size(); n-- > 0;) {
    const Node& node = graph.nodes(n);
    const graph::OpDef* def = DefOf(node);
    const bool view = def != nullptr && def->op_class == OpClass::kView;
    if (joint.forward[At(n)] ? !view || !read[node.outputs(0)] : !joint.is_kernel[At(n)]) continue;
    for (uint32_t id : node.inputs()) read[id] = true;
  }
  return read;
}

// What a node reads and writes when it is a kernel of its own.
int64_t BytesMoved(const Graph& graph, const Node& node) {
  int64_t bytes = 0;
  for (uint32_t id : node.inputs())
    bytes += TypeOf(graph.values(static_cast<int>(id))).size_bytes();
  for (uint32_t id : node.outputs())
    bytes += TypeOf(graph.values(static_cast<int>(id))).size_bytes();
  return bytes;
}

// By value: a fused forward pass writes it to memory, kept or not. Nodes of different levels cannot be one kernel.
std::vector<bool> InMemory(const Graph& graph, const JointGraph& joint,
                           const std::vector<int>& level) {
  std::vector<bool> in_memory(At(graph.values_size()), false);
  for (const graph::Output& output : graph.outputs()) in_memory[output.value()] = true;
  for (int n = 0; n < graph.nodes_size(); ++n) {
    if (!joint.forward[At(n)]) continue;
    for (uint32_t id : graph.nodes(n).inputs()) {
      const int maker = joint.maker[id];
      const bool border = maker >= 0 && (joint.is_kernel[At(maker)] || joint.is_kernel[At(n)] ||
                                         level[At(maker)] < level[At(n)]);
      in_memory[id] = in_memory[id] || border;
    }
  }
  return in_memory;
}

}  // namespace

JointGraph::JointGraph(const Graph& graph)
    : forward(At(graph.nodes_size()), false),
      maker(At(graph.values_size()), -1),
      is_kernel(At(graph.nodes_size()), false),
      keepable(At(graph.values_size()), false) {
  for (int n = 0; n < graph.nodes_size(); ++n) {
    for (uint32_t id : graph.nodes(n).outputs()) maker[id] = n;
    const graph::OpDef* def = DefOf(graph.nodes(n));
    is_kernel[At(n)] = def == nullptr || def->op_class == OpClass::kOpaque ||
                       def->op_class == OpClass::kCollective;
    if (graph.nodes(n).inputs_size() == 0) is_kernel[At(n)] = false;
  }
  const std::vector<bool> behind = BehindGradients(graph);
  std::vector<bool> needed(behind.size(), false), updates(behind.size(), false);
  for (const graph::Update& update : graph.updates()) updates[update.output()] = true;
  for (const graph::Output& output : graph.outputs()) {
    needed[output.value()] = !updates[output.value()] && !behind[output.value()];
  }
  for (int n = graph.nodes_size(); n-- > 0;) {
    for (uint32_t id : graph.nodes(n).outputs()) forward[At(n)] = forward[At(n)] || needed[id];
    if (!forward[At(n)]) continue;
    for (uint32_t id : graph.nodes(n).inputs()) needed[id] = true;
    for (uint32_t id : graph.nodes(n).outputs()) keepable[id] = graph.nodes(n).inputs_size() > 0;
  }
  has_backward = IsConcrete(graph) && std::find(behind.begin(), behind.end(), true) != behind.end();
}

std::vector<int> KernelLevels(const Graph& graph, const JointGraph& joint) {
  std::vector<int> level(At(graph.nodes_size()), 0);
  for (int n = 0; n < graph.nodes_size(); ++n) {
    for (uint32_t id : graph.nodes(n).inputs()) {
      const int maker = joint.maker[id];
      if (maker < 0) continue;
      level[At(n)] = std::max(level[At(n)], level[At(maker)] + joint.is_kernel[At(maker)]);
    }
  }
  return level;
}

double FlopsOf(const Graph& graph, const Node& node) {
  const graph::OpDef* def = DefOf(node);
  return def == nullptr ? 0 : WorkOf(*def, CallOf(graph, node)).flops;
}

ForwardPass ForwardPassOf(const Graph& graph, const JointGraph& joint,
                          const RecomputePolicy& policy) {
  ForwardPass pass;
  pass.nodes.resize(At(graph.nodes_size()));
  pass.values.resize(At(graph.values_size()));
  const std::vector<int> level = KernelLevels(graph, joint);
  const std::vector<bool> in_memory = InMemory(graph, joint, level);
  const std::vector<bool> for_kernels = ReadByBackwardKernels(graph, joint);
  for (int n = 0; n < graph.nodes_size(); ++n) {
    const Node& node = graph.nodes(n);
    ForwardPass::Node& made = pass.nodes[At(n)];
    if (!joint.forward[At(n)]) {
      made.recompute_cost = ForwardPass::kNever;
      for (uint32_t id : node.inputs())
        pass.values[id].needed = pass.values[id].needed || joint.keepable[id];
      continue;
    }
    for (uint32_t id : node.inputs()) {
      if (joint.keepable[id]) made.reads.push_back(static_cast<int>(id));
    }
    made.recompute_cost = ForwardPass::kNever;
    const bool checkpoint = policy.checkpoint_every > 0 && joint.is_kernel[At(n)] &&
                            (level[At(n)] + 1) % policy.checkpoint_every == 0;
    if (!checkpoint && MayRunAgain(node, n, policy)) {
      const double price =
          policy.bytes_a_flop * kUnitsAByte * Weight(node.op()) * FlopsOf(graph, node);
      made.recompute_cost = static_cast<int64_t>(std::min(std::ceil(price), 1e15));
      // Made of inputs alone, for a product: nothing to fuse with, and it costs what it moves. The
      // bf16 copies of parameters are such values.
      if (policy.cheap_only && made.reads.empty() && node.inputs_size() > 0 &&
          for_kernels[node.outputs(0)])
        made.recompute_cost += kUnitsAByte * BytesMoved(graph, node);
    }
    for (uint32_t id : node.outputs()) {
      if (!joint.keepable[id]) continue;
      made.writes.push_back(static_cast<int>(id));
      const bool there = in_memory[id] || joint.is_kernel[At(n)];
      pass.values[id].save_cost = TypeOf(graph.values(static_cast<int>(id))).size_bytes() *
                                  (there ? kUnitsAByte : kUnitsAByteFused);
    }
  }
  return pass;
}

}  // namespace strata::compiler
