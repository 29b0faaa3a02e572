// Pipelined trees: data goes down trees (or, for a reduction, up) in chunks, so that all levels work at once.
//
// Each edge has a colour, a step modulo the period: a rank sends at most one chunk and receives at most one in a step.
// An edge starts as soon as its colour comes after the first chunk has arrived at its upper end, and then carries a
// chunk every period. So the whole is a table of steps that each rank can tell by itself, and a reduction is the same
// table backwards. After Sanders, Speck & Traff, Two-tree algorithms for full bandwidth broadcast, reduction and scan
// (2009).
#ifndef STRATA_DISTRIBUTED_COLLECTIVE_TREE_PIPELINE_H_
#define STRATA_DISTRIBUTED_COLLECTIVE_TREE_PIPELINE_H_

#include <cstdint>
#include <vector>

#include "distributed/collective/algorithm.h"

namespace strata::distributed {

// Trees that span ranks 0 ... n-1, all with root 0; each carries an equal part of the data.
struct TreePipeline {
  struct Tree {
    std::vector<int> parent;  // by rank; of the root -1
    std::vector<int> colour;  // of the edge from the parent: [0, period)
  };
  int period = 1;
  std::vector<Tree> trees;
};

// Makes the trees of n ranks, n >= 2.
using TreeBuilder = TreePipeline (*)(int ranks);

// Root 0's data goes everywhere; everybody's data is combined at root 0 (a mean is not finished).
absl::Status PipelineBroadcast(Wire& wire, const TreePipeline& pipeline, const Call& call);
absl::Status PipelineReduce(Wire& wire, const TreePipeline& pipeline, const Call& call);

// Of one of the two: every rank but one receives all data.
int64_t PipelineBytes(const CallShape& shape);
Cost PipelineCost(const TreePipeline& pipeline, const CallShape& shape);

// Rows of the table, of any builder.
template <TreeBuilder kBuild>
absl::Status PipelinedBroadcast(Wire& all, const Call& call) {
  Wire wire = all.FromRoot(call.root);
  return PipelineBroadcast(wire, kBuild(wire.size()), call);
}

template <TreeBuilder kBuild>
absl::Status PipelinedReduce(Wire& all, const Call& call) {
  Wire wire = all.FromRoot(call.root);
  STRATA_RETURN_IF_ERROR(PipelineReduce(wire, kBuild(wire.size()), call));
  if (wire.rank() == 0) wire.Finish({call.output, call.bytes()});
  return absl::OkStatus();
}

template <TreeBuilder kBuild>
absl::Status PipelinedAllReduce(Wire& wire, const Call& call) {
  const TreePipeline pipeline = kBuild(wire.size());
  STRATA_RETURN_IF_ERROR(PipelineReduce(wire, pipeline, call));
  if (wire.rank() == 0) wire.Finish({call.output, call.bytes()});
  return PipelineBroadcast(wire, pipeline, call);
}

inline int64_t PipelinedAllReduceBytes(const CallShape& s) { return 2 * PipelineBytes(s); }

template <TreeBuilder kBuild>
Cost PipelinedBroadcastCost(const CallShape& s) {
  return PipelineCost(kBuild(s.ranks), s);
}

template <TreeBuilder kBuild>
Cost PipelinedReduceCost(const CallShape& s) {
  Cost cost = PipelineCost(kBuild(s.ranks), s);
  cost.reduced_bytes = cost.bytes;
  return cost;
}

template <TreeBuilder kBuild>
Cost PipelinedAllReduceCost(const CallShape& s) {
  const Cost once = PipelineCost(kBuild(s.ranks), s);
  return {2 * once.messages, 2 * once.bytes, once.bytes};
}

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_COLLECTIVE_TREE_PIPELINE_H_
