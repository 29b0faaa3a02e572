#include "compiler/tune/cost_model.h"

#include <cmath>
#include <limits>
#include <vector>

#include "compiler/tune/features.h"
#include "compiler/tune/landscape.h"
#include "gtest/gtest.h"

namespace strata::compiler::tune {
namespace {

struct Sample {
  std::vector<std::vector<double>> rows;
  std::vector<double> costs;
};

Sample Draw(const Landscape& landscape, const Features& features, int count, Random* random) {
  Sample sample;
  while (static_cast<int>(sample.costs.size()) < count) {
    const Config config = *landscape.space.Draw(random);
    const auto cost = landscape.cost(landscape.space.SettingOf(config));
    if (!cost.ok()) continue;
    sample.rows.push_back(features.Of(config));
    sample.costs.push_back(*cost);
  }
  return sample;
}

// Mean over seeds of the rank correlation with costs of configs it has not seen.
double HeldOutCorrelation(const Landscape& landscape, int trained_on) {
  constexpr int kSeeds = 4;
  const Features features(&landscape.space);
  double sum = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Random random(seed);
    const Sample seen = Draw(landscape, features, trained_on, &random);
    const Sample unseen = Draw(landscape, features, 200, &random);
    CostModel model;
    model.Fit(seen.rows, seen.costs);
    std::vector<double> scores;
    for (const auto& row : unseen.rows) scores.push_back(model.Score(row));
    sum += RankCorrelation(scores, unseen.costs);
  }
  return sum / kSeeds;
}

TEST(CostModelTest, RanksConfigsItHasNotSeen) {
  EXPECT_GT(HeldOutCorrelation(BowlLandscape(), 64), 0.8);
  EXPECT_GT(HeldOutCorrelation(RuggedLandscape(0x5a3), 64), 0.8);
  EXPECT_GT(HeldOutCorrelation(GemmLandscape({.m = 512, .n = 512, .k = 512}), 64), 0.65);
  EXPECT_GT(HeldOutCorrelation(GemmLandscape({.m = 512, .n = 512, .k = 512}), 128), 0.78);
}

TEST(CostModelTest, RanksWhatItHasSeen) {
  const Landscape landscape = RuggedLandscape(0x1b7);
  const Features features(&landscape.space);
  Random random(9);
  const Sample sample = Draw(landscape, features, 48, &random);
  CostModel model;
  model.Fit(sample.rows, sample.costs);
  std::vector<double> scores;
  for (const auto& row : sample.rows) scores.push_back(model.Score(row));
  EXPECT_GT(RankCorrelation(scores, sample.costs), 0.95);
}

TEST(CostModelTest, AFailureRanksLast) {
  std::vector<std::vector<double>> rows;
  std::vector<double> costs;
  for (int i = 0; i < 40; ++i) {
    rows.push_back({static_cast<double>(i)});
    costs.push_back(i < 20 ? 40.0 - i : std::numeric_limits<double>::infinity());
  }
  CostModel model;
  model.Fit(rows, costs);
  EXPECT_LT(model.Score(std::vector<double>{19}), model.Score(std::vector<double>{0}));
  EXPECT_LT(model.Score(std::vector<double>{0}), model.Score(std::vector<double>{30}));
}

TEST(CostModelTest, WithoutAnythingToLearnAllAreEqual) {
  CostModel model;
  EXPECT_EQ(model.Score(std::vector<double>{1, 2}), 0);
  model.Fit({{1.0, 2.0}}, std::vector<double>{3});
  EXPECT_EQ(model.Score(std::vector<double>{1, 2}), 0);
  model.Fit({{1.0}, {2.0}, {3.0}, {4.0}}, std::vector<double>{5, 5, 5, 5});
  EXPECT_EQ(model.Score(std::vector<double>{1}), model.Score(std::vector<double>{4}));
}

TEST(FeaturesTest, HoldsLogarithmsProductsAndQuotients) {
  const auto space = SearchSpace::Create({{"A", {4, 8}}, {"B", {0, 2}}});
  const Features features(&*space, [](const Setting& s) {
    return std::vector<double>{static_cast<double>(s["A"] * s["B"])};
  });
  // log2 A, index of B, their sum and difference, the extra one.
  EXPECT_EQ(features.Of({1, 1}), (std::vector<double>{3, 1, 4, 2, 16}));
}

TEST(RankCorrelationTest, KnownValues) {
  EXPECT_DOUBLE_EQ(RankCorrelation(std::vector<double>{1, 2, 3}, std::vector<double>{10, 20, 99}),
                   1);
  EXPECT_DOUBLE_EQ(RankCorrelation(std::vector<double>{1, 2, 3}, std::vector<double>{3, 2, 1}), -1);
  EXPECT_DOUBLE_EQ(
      RankCorrelation(std::vector<double>{1, 2, 3, 4}, std::vector<double>{2, 1, 4, 3}), 0.6);
  EXPECT_NEAR(RankCorrelation(std::vector<double>{1, 1, 2}, std::vector<double>{1, 2, 3}),
              std::sqrt(3) / 2, 1e-12);
  EXPECT_EQ(RankCorrelation(std::vector<double>{1, 1}, std::vector<double>{1, 2}), 0);
  EXPECT_EQ(RankCorrelation(std::vector<double>{}, std::vector<double>{}), 0);
}

}  // namespace
}  // namespace strata::compiler::tune
