#include "compiler/memory/save_or_recompute.h"

#include <algorithm>
#include <random>
#include <vector>

#include "compiler/memory/max_flow.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

using ::testing::ElementsAre;

TEST(MaxFlowTest, IsTheLeastCut) {
  FlowNetwork network(4);
  network.AddEdge(0, 1, 3);
  network.AddEdge(0, 2, 2);
  network.AddEdge(1, 2, 5);
  network.AddEdge(1, 3, 2);
  network.AddEdge(2, 3, 3);
  EXPECT_EQ(network.MaxFlow(0, 3), 5);
  EXPECT_TRUE(network.ReachesSink(3));
  EXPECT_FALSE(network.ReachesSink(0));
}

TEST(MaxFlowTest, WithoutAPathNothingFlows) {
  FlowNetwork network(3);
  network.AddEdge(0, 1, 7);
  EXPECT_EQ(network.MaxFlow(0, 2), 0);
}

// Against the least of all cuts, on small random networks.
TEST(MaxFlowTest, RandomNetworksAgainstAllCuts) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    std::mt19937 random(seed);
    const int n = 2 + static_cast<int>(random() % 6);
    struct Edge {
      int from, to;
      int64_t capacity;
    };
    std::vector<Edge> edges;
    FlowNetwork network(n);
    for (uint32_t k = random() % 16; k-- > 0;) {
      const Edge edge = {static_cast<int>(random()) & 0xff, static_cast<int>(random()) & 0xff,
                         static_cast<int64_t>(random() % 10)};
      edges.push_back({edge.from % n, edge.to % n, edge.capacity});
      network.AddEdge(edges.back().from, edges.back().to, edges.back().capacity);
    }
    int64_t least = FlowNetwork::kInfinite;
    for (int side = 0; side < 1 << n; ++side) {  // the source's
      if ((side & 1) == 0 || (side >> (n - 1) & 1) != 0) continue;
      int64_t cut = 0;
      for (const Edge& e : edges)
        cut += (side >> e.from & 1) != 0 && (side >> e.to & 1) == 0 ? e.capacity : 0;
      least = std::min(least, cut);
    }
    EXPECT_EQ(network.MaxFlow(0, n - 1), least) << "seed " << seed;
  }
}

TEST(SaveOrRecomputeTest, NothingIsNeededNothingIsKept) {
  EXPECT_EQ(SaveOrRecompute({}).cost, 0);
  ForwardPass pass;
  pass.nodes = {{{}, {0}, 1}};
  pass.values = {{5, false}};
  const Partition partition = SaveOrRecompute(pass);
  EXPECT_THAT(partition.saved, ElementsAre(false));
  EXPECT_THAT(partition.recomputed, ElementsAre(false));
}

// matmul -> gelu; the backward pass reads both: the product is kept, gelu is made again.
TEST(SaveOrRecomputeTest, ACheapFunctionOfAKeptValueIsMadeAgain) {
  ForwardPass pass;
  pass.nodes = {{{}, {0}, ForwardPass::kNever}, {{0}, {1}, 3}};
  pass.values = {{10, true}, {10, true}};
  const Partition partition = SaveOrRecompute(pass);
  EXPECT_EQ(partition.cost, 13);
  EXPECT_THAT(partition.saved, ElementsAre(true, false));
  EXPECT_THAT(partition.recomputed, ElementsAre(false, true));
}

TEST(SaveOrRecomputeTest, OfEqualChoicesTheOneThatMakesLeastAgain) {
  ForwardPass pass;  // two views of one size in a chain: the last is kept
  pass.nodes = {{{}, {0}, ForwardPass::kNever}, {{0}, {1}, 0}};
  pass.values = {{10, false}, {10, true}};
  EXPECT_THAT(SaveOrRecompute(pass).recomputed, ElementsAre(false, false));
}

class RandomPassTest : public ::testing::TestWithParam<uint32_t> {};

TEST_P(RandomPassTest, CostsWhatTheBestOfAllChoicesCosts) {
  std::mt19937 random(GetParam());
  ForwardPass pass;
  const int nodes = 1 + static_cast<int>(random() % 11);
  for (int n = 0; n < nodes; ++n) {
    ForwardPass::Node node;
    const uint32_t made = static_cast<uint32_t>(pass.values.size());
    for (uint32_t k = random() % 3; k-- > 0 && made > 0;)
      node.reads.push_back(static_cast<int>(random() % made));
    for (uint32_t k = 1 + random() % 5 / 4; k-- > 0;) {
      node.writes.push_back(static_cast<int>(pass.values.size()));
      pass.values.push_back({static_cast<int64_t>(random() % 12), random() % 2 == 0});
    }
    node.recompute_cost =
        random() % 4 == 0 ? ForwardPass::kNever : static_cast<int64_t>(random() % 6);
    pass.nodes.push_back(std::move(node));
  }
  int64_t best = -1;
  for (uint32_t choice = 0; choice < 1u << nodes; ++choice) {
    std::vector<bool> recomputed;
    for (int n = 0; n < nodes; ++n) recomputed.push_back((choice >> n & 1) != 0);
    const int64_t cost = CostOfRecomputing(pass, recomputed);
    if (cost >= 0 && (best < 0 || cost < best)) best = cost;
  }
  const Partition partition = SaveOrRecompute(pass);
  EXPECT_EQ(partition.cost, best);
  EXPECT_EQ(CostOfRecomputing(pass, partition.recomputed), best);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomPassTest, ::testing::Range(0u, 150u));

}  // namespace
}  // namespace strata::compiler
