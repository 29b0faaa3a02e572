#include "distributed/moe/expert_placement.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>
#include <random>
#include <set>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace strata::distributed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

double Largest(const std::vector<double>& values) {
  return *std::max_element(values.begin(), values.end());
}
double Sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

// Every slot holds an expert, every expert has its slots, and no rank is above the bound.
void ExpectSound(const ExpertPlacement& placement, const std::vector<double>& loads) {
  ASSERT_EQ(placement.expert.size(),
            static_cast<size_t>(placement.ranks * placement.slots_per_rank));
  size_t slots = 0;
  for (size_t e = 0; e < loads.size(); ++e) {
    ASSERT_FALSE(placement.replicas[e].empty());
    slots += placement.replicas[e].size();
    for (int slot : placement.replicas[e])
      ASSERT_EQ(placement.expert[static_cast<size_t>(slot)], static_cast<int>(e));
  }
  EXPECT_EQ(slots, placement.expert.size());
  const std::vector<double> ranks = RankLoads(placement, loads);
  const double mean = Sum(loads) / placement.ranks;
  EXPECT_NEAR(Sum(ranks), Sum(loads), 1e-9 * (1 + Sum(loads)));
  EXPECT_LE(Largest(ranks), mean + (1 - 1.0 / placement.ranks) * PlacementSpread(placement, loads) +
                                1e-9 * (1 + mean));
}

std::vector<double> Draw(std::mt19937* random, int experts, int kind) {
  std::vector<double> loads;
  for (int e = 0; e < experts; ++e) {
    const double u = std::uniform_real_distribution<double>(0, 1)(*random);
    loads.push_back(kind == 0   ? u                     // alike
                    : kind == 1 ? 1 / (0.02 + u)        // a few hot ones
                    : kind == 2 ? std::floor(3 * u)     // ties and zeros
                                : (e == 0 ? 100 : u));  // one has nearly all
  }
  return loads;
}

TEST(PlaceExpertsTest, SpareSlotsGoToTheHottest) {
  const std::vector<double> loads = {90, 10, 40, 10};
  STRATA_ASSERT_OK_AND_ASSIGN(const ExpertPlacement placement, PlaceExperts(loads, 3, 2));
  EXPECT_EQ(placement.replicas[0].size(), 3u);  // 90 -> 45 -> 30
  ExpectSound(placement, loads);
  // Slots of 40, 30, 30, 30, 10, 10: no packing of pairs has less than 60 on a rank, though two 30s share one then.
  std::vector<double> ranks = RankLoads(placement, loads);
  std::sort(ranks.begin(), ranks.end());
  EXPECT_THAT(ranks, ElementsAre(40, 50, 60));
}

TEST(PlaceExpertsTest, WithoutSpareSlotsEveryExpertIsOnce) {
  const std::vector<double> loads = {8, 7, 6, 5, 4, 3, 2, 1};
  STRATA_ASSERT_OK_AND_ASSIGN(const ExpertPlacement placement, PlaceExperts(loads, 4, 2));
  ExpectSound(placement, loads);
  EXPECT_THAT(RankLoads(placement, loads), ElementsAre(9, 9, 9, 9));
}

TEST(PlaceExpertsTest, AnExpertIsNotTwiceOnARankThatHasABetterUse) {
  const std::vector<double> loads = {100, 100, 1, 1};
  STRATA_ASSERT_OK_AND_ASSIGN(const ExpertPlacement placement, PlaceExperts(loads, 4, 2));
  for (int rank = 0; rank < 4; ++rank)
    EXPECT_NE(placement.expert[2 * static_cast<size_t>(rank)],
              placement.expert[2 * static_cast<size_t>(rank) + 1]);
}

// The least possible largest load of a slot, over all ways to hand out the spare ones.
double LeastSlotLoad(const std::vector<double>& loads, size_t at, int spare) {
  if (at + 1 == loads.size()) return loads[at] / (1 + spare);
  double least = std::numeric_limits<double>::infinity();
  for (int more = 0; more <= spare; ++more) {
    least = std::min(least,
                     std::max(loads[at] / (1 + more), LeastSlotLoad(loads, at + 1, spare - more)));
  }
  return least;
}

// The least possible largest load of a rank for given slots, over all packings of `room` a rank.
double LeastRankLoad(const std::vector<double>& slots, size_t at, std::vector<double>* ranks,
                     std::vector<int>* room, double best) {
  if (at == slots.size()) return Largest(*ranks);
  std::set<std::pair<double, int>> tried;  // ranks that are alike
  for (size_t r = 0; r < ranks->size(); ++r) {
    if ((*room)[r] == 0 || !tried.insert({(*ranks)[r], (*room)[r]}).second) continue;
    if ((*ranks)[r] + slots[at] >= best) continue;
    (*ranks)[r] += slots[at];
    --(*room)[r];
    best = std::min(best, LeastRankLoad(slots, at + 1, ranks, room, best));
    (*ranks)[r] -= slots[at];
    ++(*room)[r];
  }
  return best;
}

TEST(PlaceExpertsTest, AgainstBruteForce) {
  std::mt19937 random(1);
  double worst = 1;
  for (int trial = 0; trial < 160; ++trial) {
    const int ranks = 2 + trial % 3, slots_per_rank = 1 + trial / 4 % 3;
    const int experts =
        1 + static_cast<int>(random() % static_cast<uint32_t>(ranks * slots_per_rank));
    const std::vector<double> loads = Draw(&random, experts, trial % 4);
    STRATA_ASSERT_OK_AND_ASSIGN(const ExpertPlacement placement,
                                PlaceExperts(loads, ranks, slots_per_rank));
    ExpectSound(placement, loads);
    std::vector<double> slots;
    for (int e : placement.expert) {
      const size_t expert = static_cast<size_t>(e);
      slots.push_back(loads[expert] / static_cast<double>(placement.replicas[expert].size()));
    }
    EXPECT_NEAR(Largest(slots), LeastSlotLoad(loads, 0, ranks * slots_per_rank - experts), 1e-12);
    std::sort(slots.rbegin(), slots.rend());
    std::vector<double> empty(static_cast<size_t>(ranks), 0.0);
    std::vector<int> room(static_cast<size_t>(ranks), slots_per_rank);
    const double least = LeastRankLoad(slots, 0, &empty, &room, Sum(slots) + 1);
    const double got = Largest(RankLoads(placement, loads));
    EXPECT_GE(got, least - 1e-9);
    if (least > 0) worst = std::max(worst, got / least);
  }
  EXPECT_LT(worst, 1.15);  // of the best packing of the same slots
}

TEST(PlaceExpertsTest, BoundHoldsForManyExperts) {
  std::mt19937 random(2);
  for (int trial = 0; trial < 60; ++trial) {
    const int ranks = 1 + trial % 17, slots_per_rank = 1 + trial % 9;
    const int experts = std::max(1, ranks * slots_per_rank - trial % 7);
    const std::vector<double> loads = Draw(&random, experts, trial % 4);
    STRATA_ASSERT_OK_AND_ASSIGN(const ExpertPlacement placement,
                                PlaceExperts(loads, ranks, slots_per_rank));
    ExpectSound(placement, loads);
  }
}

TEST(PlaceExpertsTest, TheSameEveryTime) {
  const std::vector<double> loads = {3, 3, 3, 1, 1, 2, 2};
  STRATA_ASSERT_OK_AND_ASSIGN(const ExpertPlacement a, PlaceExperts(loads, 3, 3));
  STRATA_ASSERT_OK_AND_ASSIGN(const ExpertPlacement b, PlaceExperts(loads, 3, 3));
  EXPECT_EQ(a.expert, b.expert);
}

TEST(PlaceExpertsTest, WhatCannotBePlacedIsAnError) {
  const auto invalid = [](const std::string& message) {
    return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message));
  };
  EXPECT_THAT(PlaceExperts({}, 2, 2), invalid("places 0 experts"));
  EXPECT_THAT(PlaceExperts({1, 2, 3}, 1, 2), invalid("no room for 3 experts"));
  EXPECT_THAT(PlaceExperts({1, 2, 3}, 1 << 16, 1 << 16), invalid("more than an i32 numbers"));
  EXPECT_THAT(PlaceExperts({1, -2}, 1, 2), invalid("loads[1]: is -2"));
  EXPECT_THAT(PlaceExperts({1, 2}, 0, 2), invalid("0 ranks"));
  EXPECT_THAT(ContiguousPlacement(6, 4), invalid("ranks: is 4; must divide the 6 experts"));
}

TEST(ContiguousPlacementTest, ExpertsInOrder) {
  STRATA_ASSERT_OK_AND_ASSIGN(const ExpertPlacement placement, ContiguousPlacement(6, 3));
  EXPECT_THAT(placement.expert, ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_EQ(placement.RankOf(3), 1);
  EXPECT_THAT(RankLoads(placement, {1, 2, 3, 4, 5, 6}), ElementsAre(3, 7, 11));
}

TEST(SlotForTest, ReplicasTakeTurns) {
  const ExpertPlacement placement = {2, 2, {0, 1, 0, 0}, {{0, 2, 3}, {1}}};
  std::vector<int> slots;
  for (int turn = 0; turn < 4; ++turn) slots.push_back(SlotFor(placement, 0, /*sender=*/1, turn));
  EXPECT_THAT(slots, ElementsAre(2, 3, 0, 2));
  EXPECT_EQ(SlotFor(placement, 1, 5, 7), 1);
}

}  // namespace
}  // namespace strata::distributed
