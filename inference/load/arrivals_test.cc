#include "inference/load/arrivals.h"

#include <algorithm>
#include <cmath>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "inference/load/load_random.h"

namespace strata::inference {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Moments {
  double mean = 0, variance = 0;
};

Moments MomentsOf(const std::vector<double>& values) {
  Moments m;
  for (double v : values) m.mean += v / static_cast<double>(values.size());
  for (double v : values)
    m.variance += (v - m.mean) * (v - m.mean) / static_cast<double>(values.size() - 1);
  return m;
}

std::vector<double> Gaps(const std::vector<double>& times) {
  std::vector<double> gaps;
  for (size_t i = 0; i < times.size(); ++i) gaps.push_back(times[i] - (i == 0 ? 0 : times[i - 1]));
  return gaps;
}

TEST(LoadRandom, GammaHasItsMeanVarianceAndSkew) {
  constexpr int kDraws = 200000;
  for (double shape : {0.2, 0.7, 1.0, 2.5, 40.0}) {
    LoadRandom random(11);
    std::vector<double> draws;
    for (int i = 0; i < kDraws; ++i) draws.push_back(random.Gamma(shape));
    const Moments m = MomentsOf(draws);
    // Standard error of the mean: sqrt(shape / n); of the variance: shape sqrt((2 + 6 / shape) / n).
    EXPECT_NEAR(m.mean, shape, 5 * std::sqrt(shape / kDraws));
    EXPECT_NEAR(m.variance, shape, 5 * shape * std::sqrt((2 + 6 / shape) / kDraws));
    double skew = 0;
    for (double d : draws) skew += std::pow((d - m.mean) / std::sqrt(m.variance), 3) / kDraws;
    EXPECT_NEAR(skew, 2 / std::sqrt(shape), 0.1 * 2 / std::sqrt(shape) + 0.05) << shape;
    EXPECT_GT(*std::min_element(draws.begin(), draws.end()), 0);
  }
}

TEST(LoadRandom, IntegersCoverTheirRangeEvenly) {
  LoadRandom random(3);
  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts[static_cast<size_t>(random.Integer(-3, 3) + 3)];
  for (int count : counts) EXPECT_NEAR(count, 10000, 500);
  EXPECT_EQ(random.Integer(5, 5), 5);
}

TEST(LoadRandom, ShuffleKeepsAllItems) {
  LoadRandom random(5);
  std::vector<int> items = {1, 2, 3, 4, 5, 6, 7, 8};
  const std::vector<int> before = items;
  random.Shuffle(&items);
  EXPECT_NE(items, before);
  std::sort(items.begin(), items.end());
  EXPECT_EQ(items, before);
}

TEST(Arrivals, PoissonGapsAreExponential) {
  constexpr int kCount = 50000;
  STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<double> times,
                              ArrivalTimes({.rate = 4}, kCount, 2));
  ASSERT_EQ(times.size(), size_t{kCount});
  EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
  EXPECT_NEAR(times.back(), kCount / 4.0, 1e-6);
  std::vector<double> gaps = Gaps(times);
  EXPECT_NEAR(MomentsOf(gaps).variance, 1.0 / 16, 0.05 / 16);
  // Kolmogorov and Smirnov against 1 - exp(-4 t): 1.95 / sqrt(n) is passed with probability 0.999.
  std::sort(gaps.begin(), gaps.end());
  double distance = 0;
  for (int i = 0; i < kCount; ++i) {
    const double expected = 1 - std::exp(-4 * gaps[static_cast<size_t>(i)]);
    distance = std::max(distance, std::abs(expected - (i + 0.5) / kCount));
  }
  EXPECT_LT(distance, 1.95 / std::sqrt(kCount));
}

TEST(Arrivals, BurstinessIsTheShapeOfTheGaps) {
  for (double burstiness : {0.25, 4.0}) {
    STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<double> times,
                                ArrivalTimes({.rate = 10, .burstiness = burstiness}, 50000, 7));
    const Moments m = MomentsOf(Gaps(times));
    EXPECT_NEAR(m.mean, 0.1, 1e-9);
    EXPECT_NEAR(m.variance * burstiness / (m.mean * m.mean), 1, 0.1);
  }
  STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<double> regular,
                              ArrivalTimes({.rate = 2, .burstiness = INFINITY}, 4, 0));
  EXPECT_THAT(regular, ElementsAre(0.5, 1.0, 1.5, 2.0));
}

TEST(Arrivals, BurstsComeTogetherAtTheSameMeanRate) {
  STRATA_ASSERT_OK_AND_ASSIGN(
      const std::vector<double> times,
      ArrivalTimes({.kind = ArrivalOptions::Kind::kBurst, .rate = 5, .burst = 4}, 10, 1));
  ASSERT_EQ(times.size(), 10u);
  for (size_t i = 0; i < times.size(); ++i) EXPECT_EQ(times[i], times[i / 4 * 4]);
  EXPECT_LT(times[3], times[4]);
  EXPECT_LT(times[7], times[8]);
  EXPECT_NEAR(times.back(), 10 / 5.0, 1e-9);
}

TEST(Arrivals, InfiniteRateAndNoRequests) {
  STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<double> times, ArrivalTimes({}, 3, 0));
  EXPECT_THAT(times, ElementsAre(0, 0, 0));
  STRATA_ASSERT_OK_AND_ASSIGN(const std::vector<double> none, ArrivalTimes({.rate = 2}, 0, 0));
  EXPECT_TRUE(none.empty());
}

TEST(Arrivals, SeedsDecide) {
  STRATA_ASSERT_OK_AND_ASSIGN(const auto a, ArrivalTimes({.rate = 2}, 20, 1));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto b, ArrivalTimes({.rate = 2}, 20, 1));
  STRATA_ASSERT_OK_AND_ASSIGN(const auto c, ArrivalTimes({.rate = 2}, 20, 2));
  EXPECT_EQ(a, b);
  EXPECT_NE(a, c);
}

TEST(Arrivals, RefusesWhatCannotBe) {
  EXPECT_THAT(ArrivalTimes({.rate = 0}, 1, 0),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("request rate: 0")));
  EXPECT_THAT(ArrivalTimes({.rate = NAN}, 1, 0),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("request rate")));
  EXPECT_THAT(ArrivalTimes({.rate = 1, .burstiness = -1}, 1, 0),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("burstiness: -1")));
  EXPECT_THAT(ArrivalTimes({.burst = 0}, 1, 0),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("burst: 0")));
  EXPECT_THAT(ArrivalTimes({}, -1, 0),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("count: -1")));
}

}  // namespace
}  // namespace strata::inference
