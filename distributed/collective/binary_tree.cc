#include "distributed/collective/binary_tree.h"

#include "distributed/collective/tree_pipeline.h"

namespace strata::distributed {
namespace {

// As in a heap: the children of i are 2 i + 1 and 2 i + 2.
TreePipeline BinaryTree(int ranks) {
  TreePipeline::Tree tree;
  for (int rank = 0; rank < ranks; ++rank) {
    tree.parent.push_back(rank == 0 ? -1 : (rank - 1) / 2);
    tree.colour.push_back((rank + 1) % 2);
  }
  return {.period = 2, .trees = {tree}};
}

}  // namespace

absl::Span<const Algorithm> BinaryTreeAlgorithms() {
  static constexpr Algorithm kRows[] = {
      {Verb::kBroadcast, "tree", PipelinedBroadcast<BinaryTree>, AnyRanks, PipelineBytes,
       PipelinedBroadcastCost<BinaryTree>},
      {Verb::kReduce, "tree", PipelinedReduce<BinaryTree>, AnyRanks, PipelineBytes,
       PipelinedReduceCost<BinaryTree>},
      {Verb::kAllReduce, "tree", PipelinedAllReduce<BinaryTree>, AnyRanks, PipelinedAllReduceBytes,
       PipelinedAllReduceCost<BinaryTree>},
  };
  return kRows;
}

}  // namespace strata::distributed
