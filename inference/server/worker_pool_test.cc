#include "inference/server/worker_pool.h"

#include <atomic>
#include <future>
#include <memory>

#include "gtest/gtest.h"

namespace strata::inference {
namespace {

TEST(WorkerPool, RunsAllTasks) {
  std::atomic<int> sum{0};
  WorkerPool pool(3, 1000);
  std::promise<void> done;
  for (int i = 1; i <= 100; ++i) {
    EXPECT_TRUE(pool.Submit([&, i] {
      if ((sum += i) == 5050) done.set_value();
    }));
  }
  done.get_future().wait();
  EXPECT_EQ(sum, 5050);
}

TEST(WorkerPool, RefusesWhenTheQueueIsFullAndDropsItOnStop) {
  WorkerPool pool(1, 2);
  std::promise<void> started, go;
  pool.Submit([&] {
    started.set_value();
    go.get_future().wait();
  });
  started.get_future().wait();
  auto held = std::make_shared<int>(0);
  bool ran = false;
  EXPECT_TRUE(pool.Submit([held, &ran] { ran = true; }));
  EXPECT_TRUE(pool.Submit([held, &ran] { ran = true; }));
  EXPECT_FALSE(pool.Submit([held, &ran] { ran = true; }));
  EXPECT_EQ(pool.queued(), 2u);
  auto stopped = std::async(std::launch::async, [&] { pool.Stop(); });
  while (held.use_count() > 1) std::this_thread::yield();  // Stop() has dropped them
  go.set_value();
  stopped.get();
  EXPECT_FALSE(ran);
  EXPECT_FALSE(pool.Submit([] {}));
  pool.Stop();
}

}  // namespace
}  // namespace strata::inference
