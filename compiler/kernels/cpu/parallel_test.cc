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

TEST(ParallelTest, ThreadIndexStaysBelowTheNumberOfThreads) {
  ParallelTasks(50, 3, [&](int64_t) {
    EXPECT_GE(ThreadIndex(), 0);
    EXPECT_LT(ThreadIndex(), 3);
  });
}

}  // namespace
}  // namespace strata::compiler
