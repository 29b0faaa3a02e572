#include "distributed/elastic/fixed_tree.h"

#include <cstring>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::distributed {
namespace {

using Node = FixedTree::Node;

// Slow and obvious: the definition.
float Definition(const std::vector<float>& leaves, int low, int high) {
  if (high - low == 1) return leaves[static_cast<size_t>(low)];
  return Definition(leaves, low, (low + high) / 2) + Definition(leaves, (low + high) / 2, high);
}

TEST(FixedTreeTest, Covers) {
  const FixedTree tree(24);
  std::vector<Node> all = {{0, 24}};
  EXPECT_EQ(tree.Cover(0, 24), all);
  EXPECT_EQ(tree.Cover(3, 6), (std::vector<Node>{{3, 6}}));
  EXPECT_EQ(tree.Cover(4, 8), (std::vector<Node>{{4, 6}, {6, 7}, {7, 8}}));
  EXPECT_TRUE(tree.Cover(5, 5).empty());
  EXPECT_EQ(FixedTree(1).Cover(0, 1), (std::vector<Node>{{0, 1}}));
}

// For every number of leaves and ranks: the shares are all the leaves, and the sum has the bits of the definition.
TEST(FixedTreeTest, SameBitsForEveryNumberOfRanks) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, 1e3f);
  for (int leaves = 1; leaves <= 33; ++leaves) {
    const FixedTree tree(leaves);
    std::vector<float> values(static_cast<size_t>(leaves));
    for (float& v : values) v = normal(random);
    const float expected = Definition(values, 0, leaves);
    for (int ranks = 1; ranks <= leaves; ++ranks) {
      std::map<Node, float> sums;
      FixedTree::Known leaf, known;
      for (int i = 0; i < leaves; ++i) leaf[{i, i + 1}] = &values[static_cast<size_t>(i)];
      int next = 0;
      for (int rank = 0; rank < ranks; ++rank) {
        const auto [low, high] = tree.Share(rank, ranks);
        EXPECT_EQ(low, next);
        EXPECT_LE(high - low, leaves / ranks + 1);
        EXPECT_GE(high - low, leaves / ranks);
        next = high;
        for (const Node& node : tree.Cover(low, high)) {
          tree.Sum(node, leaf, 1, &sums[node]);
          known[node] = &sums[node];
        }
      }
      EXPECT_EQ(next, leaves);
      float sum = 0;
      tree.Sum(tree.root(), known, 1, &sum);
      EXPECT_EQ(std::memcmp(&sum, &expected, sizeof(sum)), 0) << leaves << " on " << ranks;
    }
  }
}

TEST(FixedTreeTest, Vectors) {
  const FixedTree tree(3);
  const std::vector<float> a = {1, 2}, b = {10, 20}, c = {100, 200};
  std::vector<float> sum(2);
  tree.Sum(tree.root(), {{{0, 1}, a.data()}, {{1, 2}, b.data()}, {{2, 3}, c.data()}}, 2,
           sum.data());
  EXPECT_THAT(sum, ::testing::Pointwise(::testing::Eq(), {111.0f, 222.0f}));
  tree.Sum(tree.root(), {{{0, 3}, a.data()}}, 0, sum.data());  // empty
}

}  // namespace
}  // namespace strata::distributed
