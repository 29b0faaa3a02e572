#include "chips/memsys/cache_hierarchy.h"

#include <limits>
#include <numeric>
#include <random>

#include "base/status_matchers.h"
#include "chips/memsys/naive_cache.h"
#include "chips/memsys/pointer_chase.h"
#include "gtest/gtest.h"

namespace strata::chips::memsys {
namespace {

using ::testing::HasSubstr;

// 64 lines of 4 ways at 1, 512 lines of 8 ways at 10, memory at 100.
CacheHierarchyConfig TwoLevels(Prefetch prefetch = Prefetch::kNone) {
  CacheHierarchyConfig config;
  config.levels = {{{64 * 64, 4, 64}, 1, prefetch}, {{512 * 64, 8, 64}, 10}};
  config.memory_latency = 100;
  return config;
}

CacheHierarchy Make(const CacheHierarchyConfig& config) { return *CacheHierarchy::Make(config); }

TEST(CacheHierarchy, AStreamMissesOncePerLine) {
  CacheHierarchy caches = Make(TwoLevels());
  double cost = 0;
  for (int64_t address = 0; address < 4096; address += 8) cost += caches.Access(address).latency;
  EXPECT_EQ(caches.stats()[0].misses, 64);
  EXPECT_EQ(caches.stats()[0].hits, 512 - 64);
  EXPECT_EQ(caches.stats()[1].misses, 64);
  EXPECT_EQ(caches.stats()[1].hits, 0);
  EXPECT_EQ(cost, 64 * 100 + (512 - 64) * 1);
}

TEST(CacheHierarchy, StridesOfALineAndMoreMissAlways) {
  for (const int64_t stride : {64, 128, 192, 4096}) {
    CacheHierarchy caches = Make(TwoLevels());
    for (int64_t i = 0; i < 100; ++i) caches.Access(i * stride);
    EXPECT_EQ(caches.stats()[0].misses, 100) << stride;
  }
}

TEST(CacheHierarchy, ConflictMissesOfTheFirstLevelHitTheSecond) {
  CacheHierarchy caches = Make(TwoLevels());
  // Five lines in one set of 4 ways; the second level, with 64 sets, has them in four sets.
  for (int round = 0; round < 3; ++round) {
    for (int64_t i = 0; i < 5; ++i) {
      const AccessResult access = caches.Access(i * 16 * 64);
      EXPECT_EQ(access.level, round == 0 ? 2 : 1);
      EXPECT_EQ(access.latency, round == 0 ? 100 : 10);
    }
  }
}

TEST(CacheHierarchy, AnOuterVictimLeavesTheInnerLevels) {
  CacheHierarchyConfig config = TwoLevels();
  config.levels[1].cache = {64 * 64, 1, 64};  // direct mapped: lines 0 and 64 exclude each other
  CacheHierarchy caches = Make(config);
  caches.Access(0);
  EXPECT_TRUE(caches.Contains(0, 0));
  caches.Access(64 * 64);
  EXPECT_FALSE(caches.Contains(0, 0));
  EXPECT_FALSE(caches.Contains(1, 0));
  EXPECT_EQ(caches.stats()[1].evictions, 1);
  EXPECT_EQ(caches.stats()[0].back_invalidations, 1);
  EXPECT_EQ(caches.Access(0).level, 2);
}

// The same chain of naive caches, on random traces: every access, and inclusion after it.
TEST(CacheHierarchy, EqualsNaiveCachesAndStaysInclusive) {
  std::mt19937 random(5);
  for (const Replacement replacement : {Replacement::kLru, Replacement::kTreePlru}) {
    CacheHierarchyConfig config;
    config.levels = {{{8 * 16, 2, 16, replacement}, 1},
                     {{16 * 16, 4, 16, replacement}, 2},
                     {{24 * 16, 8, 16, replacement}, 3}};
    config.memory_latency = 4;
    CacheHierarchy caches = Make(config);
    std::vector<NaiveCache> naive;
    for (const CacheLevelConfig& level : config.levels) naive.emplace_back(level.cache);
    for (int i = 0; i < 20000; ++i) {
      const int64_t line = random() % 60;
      size_t found = 0;
      while (found < naive.size() && !naive[found].Touch(line)) ++found;
      for (size_t level = found; level-- > 0;) {
        const std::optional<int64_t> victim = naive[level].Insert(line);
        for (size_t inner = 0; victim && inner < level; ++inner) naive[inner].Remove(*victim);
      }
      ASSERT_EQ(caches.Access(line * 16 + 5).level, found);
      const int64_t any = random() % 60 * 16;
      for (size_t level = 0; level + 1 < naive.size(); ++level) {
        ASSERT_TRUE(!caches.Contains(level, any) || caches.Contains(level + 1, any));
      }
    }
  }
}

TEST(CacheHierarchy, NextLinePrefetchLeavesOneMissOfAStream) {
  CacheHierarchy caches = Make(TwoLevels(Prefetch::kNextLine));
  for (int64_t line = 0; line < 200; ++line) caches.Access(line * 64);
  EXPECT_EQ(caches.stats()[0].misses, 1);
  EXPECT_EQ(caches.stats()[0].hits, 199);
  EXPECT_EQ(caches.stats()[0].prefetches, 200);
  EXPECT_EQ(caches.stats()[0].useful_prefetches, 199);
}

TEST(CacheHierarchy, NextLinePrefetchDoesNotHelpLongerStrides) {
  CacheHierarchy caches = Make(TwoLevels(Prefetch::kNextLine));
  for (int64_t i = 0; i < 30; ++i) caches.Access(i * 128);
  EXPECT_EQ(caches.stats()[0].misses, 30);
  EXPECT_EQ(caches.stats()[0].useful_prefetches, 0);
}

// Two steps to learn a stride: misses at 0, s and 2s; and one stream does not confuse another.
TEST(CacheHierarchy, StridePrefetchLearnsInThreeAccesses) {
  for (const int64_t step : {1, 3, 17, -2}) {
    CacheHierarchy caches = Make(TwoLevels(Prefetch::kStride));
    for (int64_t i = 0; i < 20; ++i) {
      EXPECT_EQ(caches.Access((1000 + i * step) * 64, /*stream=*/1).level, i < 3 ? 2 : 0);
      EXPECT_EQ(caches.Access((9000 + i * 5) * 64, /*stream=*/2).level, i < 3 ? 2 : 0);
    }
    EXPECT_EQ(caches.stats()[0].useful_prefetches, 2 * 17) << step;
  }
}

TEST(CacheHierarchy, RefusesBrokenConfigsByField) {
  constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(CacheHierarchy::Make({}), StatusIs(kInvalid, HasSubstr("levels: none")));
  CacheHierarchyConfig config = TwoLevels();
  config.levels[1].cache.ways = 0;
  EXPECT_THAT(CacheHierarchy::Make(config),
              StatusIs(kInvalid, HasSubstr("levels[1].cache.ways: 0")));
  config = TwoLevels();
  config.levels[0].latency = -1;
  EXPECT_THAT(CacheHierarchy::Make(config), StatusIs(kInvalid, HasSubstr("levels[0].latency: -1")));
  config = TwoLevels();
  config.memory_latency = std::numeric_limits<double>::infinity();
  EXPECT_THAT(CacheHierarchy::Make(config), StatusIs(kInvalid, HasSubstr("memory_latency: inf")));
  config = TwoLevels();
  config.levels[1].cache.line_bytes = 128;
  EXPECT_THAT(CacheHierarchy::Make(config),
              StatusIs(kInvalid, HasSubstr("levels[1].cache.line_bytes: 128 differs")));
}

TEST(PointerChase, ACycleVisitsEveryLineOnce) {
  for (const int64_t lines : {1, 2, 3, 100, 1000}) {
    const std::vector<int32_t> next = RandomCycle(lines, 7);
    std::vector<bool> seen(next.size());
    int32_t line = 0;
    for (int64_t i = 0; i < lines; ++i) {
      line = next[static_cast<size_t>(line)];
      EXPECT_FALSE(seen[static_cast<size_t>(line)]);
      seen[static_cast<size_t>(line)] = true;
    }
    EXPECT_EQ(line, 0);
  }
}

// Whatever the order, LRU keeps exactly the sets that fit: 64 lines at 1, 512 at 10, else 100.
TEST(PointerChase, StaircaseHasTheStepsOfTheClosedForm) {
  const auto fit = [](int64_t lines, int64_t sets, int64_t ways) {
    int64_t kept = 0;
    for (int64_t set = 0; set < sets; ++set) {
      const int64_t in_set = lines / sets + (set < lines % sets);
      if (in_set <= ways) kept += in_set;
    }
    return kept;
  };
  for (const int64_t lines : {1, 63, 64, 65, 70, 79, 80, 81, 300, 512, 513, 540, 576, 900}) {
    CacheHierarchy caches = Make(TwoLevels());
    const ChaseResult result =
        SimulateChase(RandomCycle(lines, static_cast<uint64_t>(lines)), 64, &caches);
    const int64_t first = fit(lines, 16, 4), second = fit(lines, 64, 8);
    const double expected =
        static_cast<double>(first + 10 * (second - first) + 100 * (lines - second)) /
        static_cast<double>(lines);
    EXPECT_NEAR(result.mean_latency, expected, 1e-9 * expected) << lines;
    EXPECT_NEAR(std::accumulate(result.share.begin(), result.share.end(), 0.0), 1, 1e-9);
  }
}

TEST(PointerChase, MeasuresThisMachine) {
  STRATA_ASSERT_OK_AND_ASSIGN(const double ns, MeasureChase(RandomCycle(64, 1), 64, 1000, 2));
  EXPECT_GT(ns, 0);
}

}  // namespace
}  // namespace strata::chips::memsys
