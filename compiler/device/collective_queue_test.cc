#include "compiler/device/collective_queue.h"

#include <atomic>
#include <thread>
#include <vector>

#include "base/status_matchers.h"

namespace strata::compiler {
namespace {

TEST(CollectiveQueueTest, CallsRunInOrderAndCanBeWaitedFor) {
  CollectiveQueue queue;
  std::vector<int> order;  // written by the queue's thread alone, read after Wait and Drain
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(queue.Post([&order, i] {
      order.push_back(i);
      return absl::OkStatus();
    }),
              i);
  }
  EXPECT_OK(queue.Wait(4));
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
  std::vector<CollectiveQueue::Span> spans;
  EXPECT_OK(queue.Drain(&spans));
  ASSERT_EQ(spans.size(), 5u);
  for (size_t i = 1; i < spans.size(); ++i) EXPECT_LE(spans[i - 1].end, spans[i].begin);
}

TEST(CollectiveQueueTest, AfterAnErrorNothingMoreIsCalledUntilItWasDrained) {
  CollectiveQueue queue;
  std::atomic<int> calls = 0;
  queue.Post([] { return absl::UnavailableError("rank 1 has left"); });
  const int64_t second = queue.Post([&] {
    ++calls;
    return absl::OkStatus();
  });
  EXPECT_THAT(queue.Wait(second), StatusIs(absl::StatusCode::kUnavailable, ::testing::_));
  std::vector<CollectiveQueue::Span> spans;
  EXPECT_THAT(queue.Drain(&spans), StatusIs(absl::StatusCode::kUnavailable, ::testing::_));
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(queue.Post([&] {
    ++calls;
    return absl::OkStatus();
  }),
            0);
  EXPECT_OK(queue.Drain(&spans));
  EXPECT_EQ(calls, 1);
}

TEST(CollectiveQueueTest, ItsComputationRunsBeside) {
  CollectiveQueue queue;
  std::atomic<bool> computed = false;
  const int64_t call = queue.Post([&] {  // ends only because the caller goes on
    while (!computed) std::this_thread::yield();
    return absl::OkStatus();
  });
  computed = true;
  EXPECT_OK(queue.Wait(call));
}

}  // namespace
}  // namespace strata::compiler
