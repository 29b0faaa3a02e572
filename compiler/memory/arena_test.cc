#include "compiler/memory/arena.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

TEST(ArenaTest, NothingNeedsNothing) {
  std::vector<Slice> none;
  EXPECT_EQ(PlanArena(absl::MakeSpan(none)), 0u);
  EXPECT_EQ(ArenaLowerBound(none), 0u);
  std::vector<Slice> empty = {{0, 0, 5}};
  EXPECT_EQ(PlanArena(absl::MakeSpan(empty)), 0u);
}

TEST(ArenaTest, SlicesThatNeverMeetShareBytes) {
  std::vector<Slice> slices = {{1024, 0, 3}, {512, 4, 9}};
  EXPECT_EQ(PlanArena(absl::MakeSpan(slices)), 1024u);
  EXPECT_EQ(slices[1].offset, 0u);
}

TEST(ArenaTest, OneSharedStepIsEnoughToKeepThemApart) {
  std::vector<Slice> slices = {{1024, 0, 4}, {512, 4, 9}};
  EXPECT_EQ(PlanArena(absl::MakeSpan(slices)), 1536u);
}

TEST(ArenaTest, TakesTheTightestGap) {
  // After the three large ones, 128 bytes fit the gap that the 192-byte slice leaves from step 5 on.
  std::vector<Slice> slices = {{1024, 0, 9}, {512, 0, 9}, {192, 0, 4}, {128, 5, 9}};
  EXPECT_EQ(PlanArena(absl::MakeSpan(slices)), 1024u + 512u + 192u);
}

class RandomLifetimesTest : public ::testing::TestWithParam<int> {};

TEST_P(RandomLifetimesTest, NeverOverlapsAndStaysAboveTheBound) {
  std::mt19937 random(static_cast<uint32_t>(GetParam()));
  std::vector<Slice> slices(1 + random() % 200);
  for (Slice& slice : slices) {
    slice.bytes = random() % 5 == 0 ? 1 + random() % 100000 : random() % 2000;
    slice.first = static_cast<int>(random() % 100);
    slice.last = slice.first + static_cast<int>(random() % (random() % 4 == 0 ? 100 : 5));
  }
  const uint64_t bytes = PlanArena(absl::MakeSpan(slices));
  const uint64_t bound = ArenaLowerBound(slices);
  EXPECT_GE(bytes, bound);
  EXPECT_LE(
      bytes,
      2 * bound);  // the algorithm's word is a few per cent; this catches a planner that stops sharing
  for (size_t i = 0; i < slices.size(); ++i) {
    const Slice& a = slices[i];
    EXPECT_EQ(a.offset % kArenaAlignment, 0u);
    EXPECT_LE(a.offset + a.bytes, bytes);
    for (size_t j = 0; j < i; ++j) {
      const Slice& b = slices[j];
      const bool together = a.first <= b.last && b.first <= a.last;
      const bool share = a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
      EXPECT_FALSE(together && share && a.bytes > 0 && b.bytes > 0) << i << " and " << j;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomLifetimesTest, ::testing::Range(0, 40));

// Against every order of placing: for so few slices one of them gives the smallest arena.
TEST(ArenaTest, FewSlicesAreAsSmallAsTheBestOrderOfPlacing) {
  for (uint32_t seed = 0; seed < 30; ++seed) {
    std::mt19937 random(seed);
    std::vector<Slice> slices(2 + random() % 5);
    for (Slice& slice : slices) {
      slice.bytes = kArenaAlignment * (1 + random() % 9);
      slice.first = static_cast<int>(random() % 6);
      slice.last = slice.first + static_cast<int>(random() % 4);
    }
    std::vector<size_t> order(slices.size());
    std::iota(order.begin(), order.end(), size_t{0});
    uint64_t best = ~uint64_t{0};
    do {
      std::vector<Slice> placed;
      uint64_t size = 0;
      for (size_t i : order) {  // the lowest offset that is free for the whole life
        Slice slice = slices[i];
        const auto overlaps = [&](const Slice& other) {
          return slice.first <= other.last && other.first <= slice.last &&
                 slice.offset < other.offset + other.bytes &&
                 other.offset < slice.offset + slice.bytes;
        };
        slice.offset = 0;
        while (std::any_of(placed.begin(), placed.end(), overlaps)) slice.offset += kArenaAlignment;
        size = std::max(size, slice.offset + slice.bytes);
        placed.push_back(slice);
      }
      best = std::min(best, size);
    } while (std::next_permutation(order.begin(), order.end()));
    EXPECT_EQ(PlanArena(absl::MakeSpan(slices)), best) << "seed " << seed;
  }
}

enum class Lives { kMixed, kShort, kNested };

std::vector<Slice> ManySlices(uint32_t seed, Lives lives) {
  std::mt19937 random(seed);
  std::vector<Slice> slices(200 + random() % 400);
  for (size_t i = 0; i < slices.size(); ++i) {
    Slice& slice = slices[i];
    slice.bytes = random() % 5 == 0 ? 1 + random() % 100000 : 1 + random() % 5000;
    slice.first = static_cast<int>(random() % 100);
    slice.last = slice.first + static_cast<int>(random() % (random() % 4 == 0 ? 100 : 5));
    if (lives == Lives::kShort) slice.last = slice.first + static_cast<int>(random() % 10);
    // As in a training step: kept from the forward to the backward pass, or for a step or two.
    if (lives == Lives::kNested && random() % 2 == 0) slice.last = 200 - slice.first;
  }
  return slices;
}

// The contract's figure: within five per cent of the lower bound. Sets exist for which no arena is (the bound ignores
// that a slice stays where it is), so single ones may lie above.
TEST(ArenaTest, LargeSetsComeWithinFivePerCentOfTheLowerBound) {
  for (Lives lives : {Lives::kMixed, Lives::kShort, Lives::kNested}) {
    int within = 0;
    double sum = 0;
    for (uint32_t seed = 0; seed < 20; ++seed) {
      std::vector<Slice> slices = ManySlices(seed, lives);
      const double bytes = static_cast<double>(PlanArena(absl::MakeSpan(slices)));
      const double above = bytes / static_cast<double>(ArenaLowerBound(slices)) - 1;
      within += above <= 0.05;
      sum += above;
      EXPECT_LE(above, 0.1) << "seed " << seed;
    }
    EXPECT_GE(within, 18) << static_cast<int>(lives);
    EXPECT_LE(sum / 20, 0.03) << static_cast<int>(lives);
  }
}

TEST(ArenaTest, TheFirstOfTheFullestStepsIsNamed) {
  const std::vector<Slice> slices = {{64, 0, 9}, {64, 3, 4}, {64, 6, 7}};
  EXPECT_EQ(ArenaLoadOf(slices).most, 128u);
  EXPECT_EQ(ArenaLoadOf(slices).at, 3);
}

}  // namespace
}  // namespace strata::compiler
