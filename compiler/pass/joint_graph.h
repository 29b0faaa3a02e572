// JointGraph: which nodes of a training step are its forward pass, and what its backward pass needs of it.
#ifndef STRATA_COMPILER_PASS_JOINT_GRAPH_H_
#define STRATA_COMPILER_PASS_JOINT_GRAPH_H_

#include <vector>

#include "compiler/memory/save_or_recompute.h"
#include "compiler/pass/recompute.h"
#include "framework/graph/graph.pb.h"

namespace strata::compiler {

struct JointGraph {
  std::vector<bool> forward;  // by node
  std::vector<int> maker;     // by value: a node, or -1
  // By node: never part of a fused kernel (a product, attention, a collective).
  std::vector<bool> is_kernel;
  // By value: made by a forward node that has operands. Others need not be kept: inputs are there, constants are free.
  std::vector<bool> keepable;
  bool has_backward = false;  // and all dims are concrete

  explicit JointGraph(const graph::Graph& graph);
};

// Nodes and values have the graph's indices; those of the backward pass are empty and never run again.
ForwardPass ForwardPassOf(const graph::Graph& graph, const JointGraph& joint,
                          const RecomputePolicy& policy);

// By node: how many kernels must have run before it.
std::vector<int> KernelLevels(const graph::Graph& graph, const JointGraph& joint);

// Exact flops of one node; dims are concrete.
double FlopsOf(const graph::Graph& graph, const graph::Node& node);

}  // namespace strata::compiler

#endif  // STRATA_COMPILER_PASS_JOINT_GRAPH_H_
