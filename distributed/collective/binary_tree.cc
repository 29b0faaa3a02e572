#include "distributed/collective/binary_tree.h"

#include "distributed/collective/tree_pipeline.h"

namespace strata::distributed {
namespace {

// As in a heap: the children of i are 2 i + 1 and 2 i + 2. The first child's edge comes in the step after that of its
// parent, the second's in the one after.
TreePipeline BinaryTree(int ranks) {
  TreePipeline::Tree tree = {.parent = {-1}, .colour = {1}};
  for (int rank = 1; rank < ranks; ++rank) {
    const int parent = (rank - 1) / 2, above = tree.colour[static_cast<size_t>(parent)];
    tree.parent.push_back(parent);
    tree.colour.push_back(rank % 2 == 1 ? 1 - above : above);
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
