#include "compiler/memory/save_or_recompute.h"

#include "compiler/memory/max_flow.h"

namespace strata::compiler {
namespace {

// By value: whether it is needed in the backward pass and not made again there.
std::vector<bool> SavedBy(const ForwardPass& pass, const std::vector<bool>& recomputed) {
  std::vector<bool> saved(pass.values.size(), false);
  for (size_t v = 0; v < saved.size(); ++v) saved[v] = pass.values[v].needed;
  for (size_t n = 0; n < pass.nodes.size(); ++n) {
    if (!recomputed[n]) continue;
    for (int v : pass.nodes[n].reads) saved[static_cast<size_t>(v)] = true;
  }
  for (size_t n = 0; n < pass.nodes.size(); ++n) {
    if (!recomputed[n]) continue;
    for (int v : pass.nodes[n].writes) saved[static_cast<size_t>(v)] = false;
  }
  return saved;
}

}  // namespace

int64_t CostOfRecomputing(const ForwardPass& pass, const std::vector<bool>& recomputed) {
  int64_t cost = 0;
  for (size_t n = 0; n < pass.nodes.size(); ++n) {
    if (!recomputed[n]) continue;
    if (pass.nodes[n].recompute_cost == ForwardPass::kNever) return -1;
    cost += pass.nodes[n].recompute_cost;
  }
  const std::vector<bool> saved = SavedBy(pass, recomputed);
  for (size_t v = 0; v < saved.size(); ++v) cost += saved[v] ? pass.values[v].save_cost : 0;
  return cost;
}

// Vertices: nodes, then values, then source and sink. On the sink's side are the values that the backward pass needs to
// have and the nodes that it runs again. Cut are: source -> node (it runs again), node -> value (the value is kept). A
// value that is needed wants its node (unless kept), a node that runs again wants what it reads.
Partition SaveOrRecompute(const ForwardPass& pass) {
  const int nodes = static_cast<int>(pass.nodes.size()),
            values = static_cast<int>(pass.values.size());
  const int source = nodes + values, sink = source + 1;
  FlowNetwork network(sink + 1);
  for (int n = 0; n < nodes; ++n) {
    const ForwardPass::Node& node = pass.nodes[static_cast<size_t>(n)];
    const bool never = node.recompute_cost == ForwardPass::kNever;
    network.AddEdge(source, n, never ? FlowNetwork::kInfinite : node.recompute_cost);
    for (int v : node.reads) network.AddEdge(nodes + v, n, FlowNetwork::kInfinite);
    for (int v : node.writes)
      network.AddEdge(n, nodes + v, pass.values[static_cast<size_t>(v)].save_cost);
  }
  for (int v = 0; v < values; ++v) {
    if (pass.values[static_cast<size_t>(v)].needed)
      network.AddEdge(nodes + v, sink, FlowNetwork::kInfinite);
  }
  Partition partition;
  partition.cost = network.MaxFlow(source, sink);
  for (int n = 0; n < nodes; ++n) partition.recomputed.push_back(network.ReachesSink(n));
  partition.saved = SavedBy(pass, partition.recomputed);
  return partition;
}

}  // namespace strata::compiler
