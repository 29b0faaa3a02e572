#include "compiler/kernels/cpu/paged_split.h"

#include <algorithm>
#include <random>

#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

Sweep Make(int64_t kvs, int64_t queries, int64_t begin, int64_t end) {
  Sweep sweep;
  sweep.queries = queries;
  sweep.kvs = kvs;
  sweep.begin = begin;
  sweep.end = end;
  return sweep;
}

TEST(PagedSplitTest, CellsAreBlocksOfHeads) {
  EXPECT_EQ(Make(3, 1, 0, 1).cells(), 3);
  EXPECT_EQ(Make(3, 1, 0, 65).cells(), 6);
  EXPECT_EQ(Make(3, 1, 64, 128).cells(), 3);
  EXPECT_EQ(Make(3, 1, 63, 65).blocks(), 2);
  EXPECT_EQ(Make(3, 1, 63, 65).first_block(), 0);
}

TEST(PagedSplitTest, OneTextIsCutWithinABlock) {
  const std::vector<Sweep> sweeps = {Make(12, 1, 0, 160)};
  const SweepParts parts = SplitSweeps(sweeps, 2);
  ASSERT_EQ(parts.all.size(), 2u);
  EXPECT_EQ(parts.Of(0)[0].end, 12 + 3);  // half of 10 vectors of 16 keys
  EXPECT_EQ(parts.Of(1)[0].begin, 12 + 3);
  EXPECT_EQ(parts.Of(1)[0].end, 36);
}

// Every cell is done once, in order, and no part has more than its share and a cell.
TEST(PagedSplitTest, PartsAreAllOfTheWork) {
  std::mt19937 random(1);
  const auto draw = [&](int64_t least, int64_t most) {
    return std::uniform_int_distribution<int64_t>(least, most)(random);
  };
  for (int run = 0; run < 300; ++run) {
    std::vector<Sweep> sweeps;
    const int64_t queries = draw(1, 16), kvs = draw(1, 12);
    for (int64_t n = draw(0, 9); n > 0; --n) {
      const int64_t begin = draw(0, 3) * 64;
      sweeps.push_back(Make(kvs, queries, begin, begin + 64 * draw(1, 20)));
    }
    const int64_t count = draw(1, 7);
    const SweepParts parts = SplitSweeps(sweeps, count);
    int64_t all = 0, most = 0;
    for (const Sweep& sweep : sweeps) all += sweep.cells();
    size_t sweep = 0;
    int64_t next = 0;
    for (int64_t p = 0; p < count; ++p) {
      int64_t cells = 0;
      for (const SweepPart& part : parts.Of(p)) {
        if (next == sweeps[sweep].cells()) {
          ++sweep;
          next = 0;
        }
        ASSERT_EQ(part.sweep, static_cast<int64_t>(sweep));
        ASSERT_EQ(part.begin, next);
        ASSERT_GT(part.end, part.begin);
        next = part.end;
        cells += part.end - part.begin;
      }
      most = std::max(most, cells);
    }
    if (!sweeps.empty()) {
      ASSERT_EQ(sweep + 1, sweeps.size());
      ASSERT_EQ(next, sweeps[sweep].cells());
    }
    ASSERT_LE(most, all / count + 2);
  }
}

}  // namespace
}  // namespace strata::compiler
