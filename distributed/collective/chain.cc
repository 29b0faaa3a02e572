#include "distributed/collective/chain.h"

#include "distributed/collective/tree_pipeline.h"

namespace strata::distributed {
namespace {

TreePipeline Chain(int ranks) {
  TreePipeline::Tree tree;
  for (int rank = 0; rank < ranks; ++rank) {
    tree.parent.push_back(rank - 1);
    tree.colour.push_back(0);
  }
  return {.period = 1, .trees = {tree}};
}

}  // namespace

absl::Span<const Algorithm> ChainAlgorithms() {
  static constexpr Algorithm kRows[] = {
      {Verb::kBroadcast, "ring", PipelinedBroadcast<Chain>, AnyRanks, PipelineBytes,
       PipelinedBroadcastCost<Chain>},
      {Verb::kReduce, "ring", PipelinedReduce<Chain>, AnyRanks, PipelineBytes,
       PipelinedReduceCost<Chain>},
  };
  return kRows;
}

}  // namespace strata::distributed
