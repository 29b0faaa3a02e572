#include "compiler/memory/arena.h"

#include <algorithm>
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

}  // namespace
}  // namespace strata::compiler
