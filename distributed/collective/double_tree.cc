#include "distributed/collective/double_tree.h"

#include <utility>
#include <vector>

#include "distributed/collective/powers.h"

namespace strata::distributed {
namespace {

// The parent of i in the in-order tree of 1 ... m, in which odd numbers are leaves; 0 for the tree's root.
int InOrderParent(int i, int m) {
  if (i == FloorPower(m)) return 0;
  const int level = i & -i;
  const int parent =
      (i - level) | (2 * level);  // of the two at a distance of `level`, the one of the next level
  return parent <= m ? parent : i - level;
}

// Numbers in the second tree are such that the ranks with even ones are those with odd ones in the first.
int SecondNumber(int rank, int m) {
  if (m % 2 == 0) return m + 1 - rank;
  return rank == 1 ? m : rank - 1;
}

int SecondRank(int number, int m) {
  if (m % 2 == 0) return m + 1 - number;
  return number == m ? 1 : number + 1;
}

TreePipeline::Tree Uncoloured(int ranks, bool second) {
  const int m = ranks - 1;
  TreePipeline::Tree tree;
  tree.parent.push_back(-1);
  tree.colour.assign(static_cast<size_t>(ranks), -1);
  for (int rank = 1; rank < ranks; ++rank) {
    const int parent = InOrderParent(second ? SecondNumber(rank, m) : rank, m);
    tree.parent.push_back(second && parent > 0 ? SecondRank(parent, m) : parent);
  }
  return tree;
}

// Edges that meet, at their upper or at their lower ends, get different colours. No more than two meet, and a closed
// line of them goes down and up in turn: the colours work out.
class Colouring {
 public:
  explicit Colouring(TreePipeline* pipeline) : trees_(pipeline->trees) {
    below_.resize(trees_[0].parent.size());
    for (size_t tree = 0; tree < trees_.size(); ++tree) {
      for (size_t rank = 1; rank < below_.size(); ++rank)
        below_[static_cast<size_t>(trees_[tree].parent[rank])].push_back({tree, rank});
    }
  }

  void Colour() {
    for (size_t tree = 0; tree < trees_.size(); ++tree) {
      for (size_t rank = 1; rank < trees_[tree].parent.size(); ++rank) Spread({tree, rank}, 0);
    }
  }

 private:
  using Edge = std::pair<size_t, size_t>;  // tree, and the rank at its lower end

  void Spread(Edge first, int colour) {
    std::vector<std::pair<Edge, int>> open = {{first, colour}};
    while (!open.empty()) {
      const auto [edge, wanted] = open.back();
      open.pop_back();
      int& now = trees_[edge.first].colour[edge.second];
      if (now >= 0) continue;
      now = wanted;
      open.push_back({{1 - edge.first, edge.second}, 1 - wanted});
      for (const Edge& other : below_[static_cast<size_t>(trees_[edge.first].parent[edge.second])])
        if (other != edge) open.push_back({other, 1 - wanted});
    }
  }

  std::vector<TreePipeline::Tree>& trees_;
  std::vector<std::vector<Edge>> below_;  // by the rank at the upper end
};

}  // namespace

TreePipeline DoubleTree(int ranks) {
  TreePipeline pipeline = {.period = 2,
                           .trees = {Uncoloured(ranks, false), Uncoloured(ranks, true)}};
  Colouring(&pipeline).Colour();
  return pipeline;
}

absl::Span<const Algorithm> DoubleTreeAlgorithms() {
  static constexpr Algorithm kRows[] = {
      {Verb::kBroadcast, "double_tree", PipelinedBroadcast<DoubleTree>, AnyRanks, PipelineBytes,
       PipelinedBroadcastCost<DoubleTree>},
      {Verb::kReduce, "double_tree", PipelinedReduce<DoubleTree>, AnyRanks, PipelineBytes,
       PipelinedReduceCost<DoubleTree>},
      {Verb::kAllReduce, "double_tree", PipelinedAllReduce<DoubleTree>, AnyRanks,
       PipelinedAllReduceBytes, PipelinedAllReduceCost<DoubleTree>},
  };
  return kRows;
}

}  // namespace strata::distributed
