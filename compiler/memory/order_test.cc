#include "compiler/memory/order.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>
#include <set>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

std::vector<int> AsGiven(const OrderProblem& problem) {
  std::vector<int> order(problem.nodes.size());
  std::iota(order.begin(), order.end(), 0);
  return order;
}

int Content(OrderProblem* problem, uint64_t bytes, bool kept = false) {
  problem->bytes.push_back(bytes);
  problem->kept.push_back(kept);
  return static_cast<int>(problem->bytes.size()) - 1;
}

// Live bytes counted the slow way: at each step, over all contents, by positions.
OrderCost SlowCost(const OrderProblem& problem, const std::vector<int>& order) {
  std::vector<int> place(order.size());
  for (size_t i = 0; i < order.size(); ++i)
    place[static_cast<size_t>(order[i])] = static_cast<int>(i);
  const int end = static_cast<int>(order.size());
  std::vector<int> made(problem.bytes.size(), -1), last(problem.bytes.size(), -1);
  for (size_t n = 0; n < problem.nodes.size(); ++n) {
    for (int c : problem.nodes[n].writes) made[static_cast<size_t>(c)] = place[n];
  }
  for (size_t c = 0; c < problem.bytes.size(); ++c) {
    last[c] = problem.kept[c] ? end : made[c];
    for (size_t n = 0; n < problem.nodes.size(); ++n) {
      const auto& reads = problem.nodes[n].reads;
      if (std::find(reads.begin(), reads.end(), static_cast<int>(c)) != reads.end())
        last[c] = std::max(last[c], place[n]);
    }
    if (made[c] < 0 && last[c] < 0) last[c] = end;  // an input that nobody reads stays
  }
  OrderCost cost;
  for (int i = 0; i < end; ++i) {
    uint64_t live = 0;
    for (size_t c = 0; c < problem.bytes.size(); ++c) {
      if (made[c] <= i && i <= last[c]) live += problem.bytes[c];
    }
    const auto& node = problem.nodes[static_cast<size_t>(order[static_cast<size_t>(i)])];
    std::set<int> taken, placed;
    for (int w : node.writes) {
      for (const auto& [r, result] : node.in_place) {
        const size_t from = static_cast<size_t>(r), to = static_cast<size_t>(w);
        if (result != w || placed.count(w) > 0 || taken.count(r) > 0 || last[from] != i) continue;
        if (problem.bytes[from] != problem.bytes[to]) continue;
        taken.insert(r);
        placed.insert(w);
        live -= problem.bytes[to];
      }
    }
    cost.peak = std::max(cost.peak, live);
    cost.sum += static_cast<double>(live);
  }
  return cost;
}

uint64_t BruteForcePeak(const OrderProblem& problem) {
  uint64_t best = std::numeric_limits<uint64_t>::max();
  std::vector<int> order = AsGiven(problem);
  do {
    if (IsLegalOrder(problem, order)) best = std::min(best, SlowCost(problem, order).peak);
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}

OrderProblem RandomProblem(uint32_t seed, int nodes) {
  std::mt19937 random(seed);
  OrderProblem problem;
  for (int i = 0; i < 2; ++i) Content(&problem, random() % 3 == 0 ? 8 : 0);
  for (int n = 0; n < nodes; ++n) {
    OrderProblem::Node node;
    std::set<int> reads;
    for (uint32_t k = random() % 3; k-- > 0;)
      reads.insert(static_cast<int>(random() % problem.bytes.size()));
    node.reads.assign(reads.begin(), reads.end());
    for (uint32_t k = 1 + random() % 4 / 3; k-- > 0;) {
      const int made =
          Content(&problem, 1 + random() % 4 * (random() % 4 == 0 ? 16 : 4), random() % 8 == 0);
      node.writes.push_back(made);
      for (int r : reads) {
        if (random() % 2 == 0) node.in_place.push_back({r, made});
      }
    }
    if (n > 0 && random() % 6 == 0)
      node.after.push_back(static_cast<int>(random() % static_cast<uint32_t>(n)));
    problem.nodes.push_back(std::move(node));
  }
  return problem;
}

TEST(OrderTest, NothingAndOneNode) {
  OrderProblem problem;
  EXPECT_TRUE(LowerPeakOrder(problem).empty());
  EXPECT_EQ(CostOfOrder(problem, {}).peak, 0u);
  problem.nodes.push_back({{}, {Content(&problem, 7)}, {}, {}});
  EXPECT_THAT(LowerPeakOrder(problem), ::testing::ElementsAre(0));
  EXPECT_EQ(CostOfOrder(problem, {0}).peak, 7u);
}

TEST(OrderTest, AResultMayTakeTheStorageOfADyingOperand) {
  OrderProblem problem;
  const int a = Content(&problem, 10), b = Content(&problem, 10);
  problem.nodes = {{{}, {a}, {}, {}}, {{a}, {b}, {}, {{a, b}}}};
  EXPECT_EQ(CostOfOrder(problem, {0, 1}).peak, 10u);
  problem.kept[0] = true;  // read after the run
  EXPECT_EQ(CostOfOrder(problem, {0, 1}).peak, 20u);
}

TEST(OrderTest, LegalIsEachNodeOnceAfterWhatItWaitsFor) {
  OrderProblem problem;
  const int a = Content(&problem, 1);
  problem.nodes = {{{}, {a}, {}, {}}, {{a}, {}, {}, {}}, {{}, {}, {1}, {}}};
  EXPECT_TRUE(IsLegalOrder(problem, {0, 1, 2}));
  EXPECT_FALSE(IsLegalOrder(problem, {1, 0, 2}));
  EXPECT_FALSE(IsLegalOrder(problem, {0, 2, 1}));  // `after`
  EXPECT_FALSE(IsLegalOrder(problem, {0, 1, 1}));
  EXPECT_FALSE(IsLegalOrder(problem, {0, 1}));
}

class RandomOrderTest : public ::testing::TestWithParam<uint32_t> {};

TEST_P(RandomOrderTest, TheExactOrderIsThatOfBruteForce) {
  const OrderProblem problem = RandomProblem(GetParam(), 1 + static_cast<int>(GetParam() % 8));
  const uint64_t best = BruteForcePeak(problem);
  const std::vector<int> exact = BestOrder(problem), order = LowerPeakOrder(problem);
  ASSERT_TRUE(IsLegalOrder(problem, exact));
  ASSERT_TRUE(IsLegalOrder(problem, order));
  EXPECT_EQ(SlowCost(problem, exact).peak, best);
  EXPECT_EQ(CostOfOrder(problem, exact).peak, best);
  EXPECT_EQ(SlowCost(problem, order).peak, best);  // few nodes are ordered exactly
}

TEST_P(RandomOrderTest, LargeOnesGetNoWorseAndStay) {
  const OrderProblem problem = RandomProblem(GetParam(), 20 + static_cast<int>(GetParam() % 60));
  const std::vector<int> order = LowerPeakOrder(problem);
  ASSERT_TRUE(IsLegalOrder(problem, order));
  const OrderCost given = SlowCost(problem, AsGiven(problem)), found = SlowCost(problem, order);
  EXPECT_EQ(CostOfOrder(problem, order).peak, found.peak);
  EXPECT_EQ(CostOfOrder(problem, order).sum, found.sum);
  EXPECT_FALSE(given < found);
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomOrderTest, ::testing::Range(0u, 48u));

// Forward keeps one content a layer, backward reads them in the opposite order; the optimizer stands at the end, as the
// graph's author put it.
TEST(OrderTest, AnUpdateRunsRightAfterItsGradient) {
  constexpr int kLayers = 30;
  OrderProblem problem;
  std::vector<int> activation = {Content(&problem, 0)}, gradient;
  for (int l = 0; l < kLayers; ++l) {
    activation.push_back(Content(&problem, 10));
    problem.nodes.push_back({{activation[static_cast<size_t>(l)]}, {activation.back()}, {}, {}});
  }
  int flow = Content(&problem, 10);
  problem.nodes.push_back({{activation.back()}, {flow}, {}, {}});
  for (int l = kLayers - 1; l >= 0; --l) {
    const size_t i = static_cast<size_t>(l);
    gradient.push_back(Content(&problem, 100));
    problem.nodes.push_back({{flow, activation[i]}, {gradient.back()}, {}, {}});
    const int next = Content(&problem, 10);
    problem.nodes.push_back({{flow, activation[i]}, {next}, {}, {}});
    flow = next;
  }
  for (int g : gradient) problem.nodes.push_back({{g}, {Content(&problem, 0, true)}, {}, {}});
  EXPECT_GT(CostOfOrder(problem, AsGiven(problem)).peak, 100u * kLayers);
  const std::vector<int> order = LowerPeakOrder(problem);
  ASSERT_TRUE(IsLegalOrder(problem, order));
  EXPECT_LE(CostOfOrder(problem, order).peak, 10u * kLayers + 130u);
}

}  // namespace
}  // namespace strata::compiler
