#include "compiler/kernels/cpu/parallel.h"

#include <atomic>
#include <vector>

#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

TEST(ParallelTest, EveryIndexOnce) {
  for (int threads : {1, 2, 3, 7}) {
    for (int64_t n : {0, 1, 2, 5, 100}) {
      for (int64_t grain : {1, 3, 1000}) {
        std::vector<std::atomic<int>> seen(static_cast<size_t>(n));
        ParallelFor(n, grain, threads, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) ++seen[static_cast<size_t>(i)];
        });
        ParallelTasks(n, threads, [&](int64_t i) { ++seen[static_cast<size_t>(i)]; });
        for (const auto& count : seen) EXPECT_EQ(count, 2);
      }
    }
  }
}

TEST(ParallelTest, PartsCoverTheRange) {
  EXPECT_EQ(ParallelParts(0, 1, 4), 0);
  EXPECT_EQ(ParallelParts(10, 0, 4), 4);
  EXPECT_EQ(ParallelParts(10, 4, 4), 3);
  EXPECT_EQ(ParallelParts(10, 10, 4), 1);
  for (int64_t n : {1, 5, 100}) {
    for (int64_t parts = 1; parts <= 7; ++parts) {
      int64_t end = 0;
      for (int64_t part = 0; part < parts; ++part) {
        EXPECT_EQ(PartOf(n, parts, part).begin, end);
        end = PartOf(n, parts, part).end;
      }
      EXPECT_EQ(end, n);
    }
  }
}

TEST(ParallelTest, WithinAParallelRegionNoMoreThreadsAreTaken) {
  const int levels = omp_get_max_active_levels();
  omp_set_max_active_levels(3);
  std::atomic<int> ranges{0}, tasks{0}, nested{0};
#pragma omp parallel num_threads(2)
  {
    ParallelFor(12, 1, 4, [&](int64_t begin, int64_t end) {
      ranges += end - begin == 3;
      nested += omp_get_active_level() > 1;
    });
    ParallelTasks(5, 4, [&](int64_t) {
      ++tasks;
      nested += omp_get_active_level() > 1;
    });
  }
  omp_set_max_active_levels(levels);
  EXPECT_EQ(ranges, 8);
  EXPECT_EQ(tasks, 10);
  EXPECT_EQ(nested, 0);
}

TEST(ParallelTest, ThreadIndexStaysBelowTheNumberOfThreads) {
  ParallelTasks(50, 3, [&](int64_t) {
    EXPECT_GE(ThreadIndex(), 0);
    EXPECT_LT(ThreadIndex(), 3);
  });
}

}  // namespace
}  // namespace strata::compiler
