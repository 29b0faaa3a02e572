#include "distributed/elastic/straggler.h"

#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::distributed {
namespace {

using ::testing::HasSubstr;

// Steps of `ranks` ranks around 1 ms with noise; rank r takes factor[r] times as long.
std::vector<int> Found(int ranks, const std::vector<double>& factor, double noise, int steps = 8) {
  StragglerDetector detector(ranks);
  std::mt19937 random(static_cast<uint32_t>(ranks));
  std::normal_distribution<double> normal(1e-3, 1e-3 * noise);
  std::vector<Straggler> last;
  for (int step = 0; step < steps; ++step) {
    std::vector<double> seconds;
    for (int r = 0; r < ranks; ++r)
      seconds.push_back(factor[static_cast<size_t>(r)] * normal(random));
    last = detector.Observe(seconds);
  }
  std::vector<int> found;
  for (const Straggler& s : last) found.push_back(s.rank);
  return found;
}

TEST(StragglerTest, Medians) {
  EXPECT_EQ(Median({3}), 3);
  EXPECT_EQ(Median({4, 1}), 2.5);
  EXPECT_EQ(Median({9, 1, 5}), 5);
  EXPECT_EQ(Median({9, 1, 5, 7}), 6);
}

TEST(StragglerTest, NamesTheSlowOnes) {
  EXPECT_EQ(Found(4, {1, 1, 2, 1}, 0.05), std::vector<int>{2});
  EXPECT_EQ(Found(8, {1, 1.6, 1, 1, 1, 1, 1, 3}, 0.05), (std::vector<int>{1, 7}));
  EXPECT_EQ(Found(3, {1.5, 1, 1}, 0.02), std::vector<int>{0});
  EXPECT_EQ(Found(2, {1, 1.5}, 0.02), std::vector<int>{1});
}

TEST(StragglerTest, LeavesOthersInPeace) {
  EXPECT_TRUE(Found(1, {1}, 0.1).empty());
  EXPECT_TRUE(Found(4, {1, 1, 1, 1}, 0.05).empty());
  EXPECT_TRUE(Found(4, {1, 1, 1.1, 1}, 0.02).empty());                // not slow enough to matter
  EXPECT_TRUE(Found(4, {1, 1, 2, 1}, 0.05, 7).empty());               // not seen long enough
  EXPECT_TRUE(Found(6, {1, 1.3, 0.7, 1.35, 0.65, 1}, 0.01).empty());  // all differ: chance
}

TEST(StragglerTest, OneSlowStepIsNone) {
  StragglerDetector detector(4);
  for (int step = 0; step < 20; ++step)
    EXPECT_TRUE(detector.Observe({1, 1, step == 12 ? 50.0 : 1.0, 1}).empty());
}

TEST(StragglerTest, RecoversAfterAWindow) {
  StragglerDetector detector(4);
  for (int step = 0; step < 8; ++step) detector.Observe({1, 1, 3, 1});
  EXPECT_EQ(detector.Observe({1, 1, 3, 1}).size(), 1u);
  for (int step = 0; step < 8; ++step) detector.Observe({1, 1, 1, 1});
  EXPECT_TRUE(detector.Observe({1, 1, 1, 1}).empty());
  EXPECT_THAT(Describe(Straggler{3, 0.004, 0.002}),
              HasSubstr("rank 3 straggles: 4 ms a step, 2 times the median"));
}

}  // namespace
}  // namespace strata::distributed
