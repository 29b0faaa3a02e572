#include "compiler/device/idle_threads.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

#include "compiler/kernels/cpu/parallel.h"
#include "gtest/gtest.h"

namespace strata::compiler {
namespace {

int ThreadsOfThisProcess() {
  int count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    (void)task;
    ++count;
  }
  return count;
}

// A thread that has ended may be listed for a moment.
int ThreadsOnceAtMost(int most) {
  for (int i = 0; i < 2000 && ThreadsOfThisProcess() > most; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return ThreadsOfThisProcess();
}

int IndicesSeen(int threads) {
  std::atomic<int> seen{0};
  ParallelFor(100, 1, threads, [&](int64_t begin, int64_t end) { seen += end - begin; });
  return seen;
}

TEST(IdleThreads, TheTeamGoesAndComesBack) {
  ASSERT_EQ(ThreadsOfThisProcess(), 1);
  ReleaseIdleThreads();  // none is kept
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(IndicesSeen(3), 100);
    EXPECT_EQ(ThreadsOfThisProcess(), 3);
    ReleaseIdleThreads();
    EXPECT_EQ(ThreadsOnceAtMost(1), 1);
  }
}

TEST(IdleThreads, OnlyTheCallersTeam) {
  std::atomic<int> stage{0};
  std::thread other([&] {
    IndicesSeen(2);
    stage = 1;
    while (stage == 1) std::this_thread::yield();
    EXPECT_EQ(IndicesSeen(2), 100);
  });
  while (stage == 0) std::this_thread::yield();
  IndicesSeen(2);
  EXPECT_EQ(ThreadsOfThisProcess(), 4);
  ReleaseIdleThreads();
  EXPECT_EQ(ThreadsOnceAtMost(3), 3);
  stage = 2;
  other.join();
}

}  // namespace
}  // namespace strata::compiler
