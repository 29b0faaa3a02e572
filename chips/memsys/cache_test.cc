#include "chips/memsys/cache.h"

#include <random>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "chips/memsys/naive_cache.h"
#include "gtest/gtest.h"

namespace strata::chips::memsys {
namespace {

using ::testing::HasSubstr;

Cache MakeCache(int64_t sets, int64_t ways, Replacement replacement = Replacement::kLru) {
  return *Cache::Make({sets * ways * 64, ways, 64, replacement});
}

// Hits of one round over lines 0, step, 2 * step, ... after a round to warm up.
int64_t HitsOfSecondRound(Cache cache, int64_t lines, int64_t step) {
  int64_t hits = 0;
  for (const bool counted : {false, true}) {
    for (int64_t i = 0; i < lines; ++i) {
      const bool hit = cache.Touch(i * step);
      if (!hit) cache.Insert(i * step);
      hits += counted && hit;
    }
  }
  return hits;
}

TEST(Cache, HoldsWhatFits) {
  for (const Replacement replacement : {Replacement::kLru, Replacement::kTreePlru}) {
    EXPECT_EQ(HitsOfSecondRound(MakeCache(16, 4, replacement), 64, 1), 64);
    EXPECT_EQ(HitsOfSecondRound(MakeCache(1, 1, replacement), 1, 1), 1);
    EXPECT_EQ(HitsOfSecondRound(MakeCache(5, 8, replacement), 40, 1), 40);
  }
}

// Round and round over one line too many, LRU always throws out the line that is wanted next.
TEST(Cache, LruThrashesOnOneLineTooManyASet) {
  for (const int64_t ways : {1, 2, 3, 8}) {
    EXPECT_EQ(HitsOfSecondRound(MakeCache(16, ways), ways, 16), ways);
    EXPECT_EQ(HitsOfSecondRound(MakeCache(16, ways), ways + 1, 16), 0);
  }
}

// n lines in a row put floor or ceil(n / sets) into each set; only sets with no more than `ways` keep them.
TEST(Cache, LruHitsAreThoseOfSetsThatFit) {
  for (int64_t lines = 1; lines < 160; ++lines) {
    int64_t expected = 0;
    for (int64_t set = 0; set < 16; ++set) {
      const int64_t in_set = lines / 16 + (set < lines % 16);
      if (in_set <= 4) expected += in_set;
    }
    EXPECT_EQ(HitsOfSecondRound(MakeCache(16, 4), lines, 1), expected) << lines;
  }
}

TEST(Cache, TreePlruIsLruOfTwoWaysAndKeepsSomethingOfMore) {
  EXPECT_EQ(HitsOfSecondRound(MakeCache(16, 2, Replacement::kTreePlru), 3, 16), 0);
  EXPECT_GT(HitsOfSecondRound(MakeCache(16, 8, Replacement::kTreePlru), 9, 16), 0);
}

// Ways 0 ... 3 in use order 0 1 2 3 0: the root points right (0 was last), its right node to 2.
TEST(Cache, TreePlruPicksTheOlderHalfOfTheOlderHalf) {
  Cache cache = MakeCache(1, 4, Replacement::kTreePlru);
  for (int64_t line = 0; line < 4; ++line) EXPECT_EQ(cache.Insert(line), std::nullopt);
  EXPECT_TRUE(cache.Touch(0));
  EXPECT_EQ(cache.Insert(4), 2);
  EXPECT_EQ(cache.Insert(5), 1);
}

TEST(Cache, RemovedLinesLeaveRoom) {
  Cache cache = MakeCache(1, 4);
  for (int64_t line = 0; line < 4; ++line) cache.Insert(line);
  EXPECT_TRUE(cache.Remove(1));
  EXPECT_FALSE(cache.Remove(1));
  EXPECT_EQ(cache.Insert(7), std::nullopt);
  EXPECT_EQ(cache.Insert(8), 0);
  EXPECT_TRUE(cache.Contains(7));
  EXPECT_FALSE(cache.Contains(1));
}

TEST(Cache, EqualsTheNaiveOneOnRandomTraces) {
  std::mt19937 random(3);
  for (const Replacement replacement : {Replacement::kLru, Replacement::kTreePlru}) {
    for (const int64_t sets : {1, 3, 8}) {
      for (const int64_t ways : {1, 2, 4, 16}) {
        SCOPED_TRACE(absl::StrCat(sets, " sets of ", ways));
        const CacheConfig config{sets * ways * 32, ways, 32, replacement};
        STRATA_ASSERT_OK_AND_ASSIGN(Cache cache, Cache::Make(config));
        NaiveCache naive(config);
        for (int i = 0; i < 3000; ++i) {
          const int64_t line = random() % static_cast<uint32_t>(2 * sets * ways + 2);
          if (random() % 16 == 0) {
            ASSERT_EQ(cache.Remove(line), naive.Remove(line));
            continue;
          }
          const bool hit = cache.Touch(line);
          ASSERT_EQ(hit, naive.Touch(line));
          if (hit) continue;
          ASSERT_EQ(cache.Insert(line), naive.Insert(line));
        }
      }
    }
  }
}

TEST(Cache, RefusesImpossibleShapes) {
  constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(Cache::Make({4096, 4, 48}), StatusIs(kInvalid, HasSubstr("line_bytes: 48")));
  EXPECT_THAT(Cache::Make({4096, 4, 0}), StatusIs(kInvalid, HasSubstr("line_bytes: 0")));
  EXPECT_THAT(Cache::Make({4096, 0, 64}), StatusIs(kInvalid, HasSubstr("ways: 0 is outside")));
  EXPECT_THAT(Cache::Make({4097 * 64, 4097, 64}), StatusIs(kInvalid, HasSubstr("ways: 4097")));
  EXPECT_THAT(Cache::Make({128 * 64, 128, 64, Replacement::kTreePlru}),
              StatusIs(kInvalid, HasSubstr("ways: 128 is no power of two up to 64")));
  EXPECT_THAT(Cache::Make({3 * 64, 3, 64, Replacement::kTreePlru}),
              StatusIs(kInvalid, HasSubstr("tree-PLRU needs")));
  EXPECT_THAT(Cache::Make({4000, 4, 64}), StatusIs(kInvalid, HasSubstr("bytes: 4000 is no whole")));
  EXPECT_THAT(Cache::Make({0, 4, 64}), StatusIs(kInvalid, HasSubstr("bytes: 0")));
}

}  // namespace
}  // namespace strata::chips::memsys
