// FixedTree: sums of a fixed number of vectors ("leaves": the gradients of micro-shards of the batch) whose bits do not
// depend on how many ranks compute them. Floating-point addition is not associative; so the order of all additions is
// fixed beforehand, as a binary tree over the leaves:
//
//   sum[lo, hi) = sum[lo, mid) + sum[mid, hi),  mid = (lo + hi) / 2
//
// A rank that has the leaves [a, b) adds up the largest subtrees inside that range by itself, at most 2 log2(leaves) of
// them, and sends those; whoever has all of them finishes the tree. Any cut into ranges gives the same additions.
//
//   const FixedTree tree(24);
//   tree.Cover(3, 6);     // what rank 1 of 8 sends: [3, 6)
//   tree.Cover(4, 8);     // rank 1 of 6: [4, 6), [6, 8)
#ifndef STRATA_DISTRIBUTED_ELASTIC_FIXED_TREE_H_
#define STRATA_DISTRIBUTED_ELASTIC_FIXED_TREE_H_

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/types/span.h"

namespace strata::distributed {

class FixedTree {
 public:
  using Node = std::pair<int, int>;  // leaves [first, second)
  using Known = std::map<Node, const float*>;

  // At least one leaf.
  explicit FixedTree(int leaves) : leaves_(leaves) {}

  int leaves() const { return leaves_; }
  Node root() const { return {0, leaves_}; }

  // The largest nodes that together are the leaves [low, high), in order; none for an empty range.
  std::vector<Node> Cover(int low, int high) const;

  // sum[0, count) of `node`, from nodes that are known, which must cover it. Takes count floats of scratch a level.
  void Sum(Node node, const Known& known, int64_t count, float* sum) const;

  // The leaves [first, second) of rank `rank` of `ranks`: the same number for all, or one more.
  Node Share(int rank, int ranks) const;

 private:
  void Cover(Node node, int low, int high, std::vector<Node>* nodes) const;
  const int leaves_;
};

}  // namespace strata::distributed

#endif  // STRATA_DISTRIBUTED_ELASTIC_FIXED_TREE_H_
